/** What the page carries inside itself, as its script reads it back. Types only: both sides are compiled against them. */

/** The `head` of the page; everything else is in pieces. */
export interface PageHead {
  /** ns since 1970 of capture time 0, as a decimal number. */
  readonly epoch: string;
  /** The lines were held against the host's log. */
  readonly isHeld: boolean;
  /** What each kind of difference is called. */
  readonly kinds: Readonly<Record<string, string>>;
  readonly tables: Readonly<Record<TableName, TableHead>>;
}

export type TableName = 'packets' | 'lines' | 'differences' | 'rules' | 'walks';

export interface TableHead {
  /** Rows that there are; those that found no room are in the CSV file beside the page. */
  readonly total: number;
  /** Rows of each piece, in order. */
  readonly pieces: readonly number[];
}

/** What is said of a run of rows before their bytes (`packRows`). */
export interface PieceHead {
  readonly rows: number;
  readonly columns: readonly PieceColumn[];
}

/** How the cells of a column lie in its planes. */
export type PieceColumn =
  /** Whole numbers: `least` is added to each; from `start` on each is what it adds to the one before. The first plane says which cells are empty. */
  | {
      readonly kind: 'numbers';
      readonly least: number;
      readonly start: number | null;
      readonly width: number;
      readonly hasGaps: boolean;
    }
  /** Places in `words`. */
  | { readonly kind: 'words'; readonly words: readonly (string | null)[]; readonly width: number }
  /** A plane of places in `odd`, from 1; where that is 0, an IPv4 address in four planes. */
  | { readonly kind: 'addresses'; readonly odd: readonly (string | null)[] };

/** Where a predicted or observed line stands; the first two are those of a replay that was not held against a log. */
export type LineStanding =
  | 'predicted'
  | 'doubtful'
  | 'alike'
  | 'field differs'
  | 'only simulated'
  | 'only on the host'
  | 'not captured'
  | 'lost'
  | 'undecidable';

/** The recorded way of a packet: one trip for it, and one for each answer of the host. */
export interface PageWalk {
  readonly trips: readonly PageTrip[];
}

export interface PageTrip {
  readonly title: string;
  readonly events: readonly PageEvent[];
  readonly omitted: number;
}

export type PageEvent =
  | { readonly kind: 'hook'; readonly hook: string; readonly packet: string }
  | { readonly kind: 'chain'; readonly chain: string; readonly by: string | null; readonly depth: number }
  | { readonly kind: 'skip'; readonly chain: string; readonly reason: string }
  | {
      readonly kind: 'rule';
      readonly rule: string;
      readonly text: string;
      readonly outcome: 'hit' | 'miss' | 'unknown' | 'hotdrop';
      /** In words, those that held and the one that did not. */
      readonly conditions: readonly string[];
      readonly depth: number;
    }
  /** Rules that were tried and missed, too many to tell one by one. */
  | { readonly kind: 'missed'; readonly count: number; readonly depth: number }
  | {
      readonly kind: 'verdict';
      readonly rule: string | null;
      readonly chain: string;
      readonly verdict: string;
      readonly depth: number;
    }
  | {
      readonly kind: 'change';
      readonly field: string;
      readonly from: string;
      readonly to: string;
      readonly rule: string | null;
    }
  | { readonly kind: 'route'; readonly decision: string }
  | { readonly kind: 'done'; readonly what: string }
  | { readonly kind: 'end'; readonly end: string; readonly reason: string; readonly packet: string };
