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

/** A run of rows, column by column. */
export interface Piece {
  readonly rows: number;
  readonly columns: readonly PieceColumn[];
}

export type PieceColumn =
  /** Whole numbers, each as what it adds to the one before; null where a row has none. */
  | { readonly deltas: readonly (number | null)[] }
  /** Places in `words`. */
  | { readonly words: readonly (string | null)[]; readonly places: readonly number[] };

/** Where a predicted or observed line stands; the first two are those of a replay that was not held against a log. */
export type LineStanding =
  | 'predicted'
  | 'doubtful'
  | 'alike'
  | 'field differs'
  | 'only simulated'
  | 'only on the host'
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
  | { readonly kind: 'end'; readonly end: string; readonly reason: string; readonly packet: string };
