/** Who is to blame: what the host must have otherwise than the inputs say. */
export type Suspect =
  | {
      readonly backend: 'iptables' | 'nft';
      readonly family: string;
      readonly table: string;
      readonly chain: string;
      /** 1-based; null for the policy. */
      readonly rule: number | null;
      readonly text: string;
    }
  /** `table` (`inet filter`) where the set is one of nft. */
  | { readonly set: string; readonly element: string; readonly table?: string }
  | { readonly sysctl: string }
  | { readonly route: string }
  | { readonly address: string; readonly interface: string }
  /** Tables as a whole. */
  | { readonly backend: 'iptables' | 'nft'; readonly tables: string }
  | { readonly conntrack: string };

/**
 * The facts of each kind of finding; its words are in src/report/words.ts, and a kind without words does not compile.
 * Rules are told as the command line addresses them.
 */
export interface FindingFacts {
  /** The given ruleset has a rule that the host has not. */
  ruleExtra: { readonly rule: string };
  /** The host has a rule here that the given ruleset has not. */
  ruleMissing: { readonly chain: string; readonly before: string | null; readonly likely: string | null };
  ruleMoved: { readonly rule: string; readonly to: string };
  ruleChanged: {
    readonly rule: string;
    readonly field: string;
    readonly given: string;
    readonly host: string | null;
  };
  policy: { readonly chain: string; readonly given: string; readonly host: string };
  setElement: {
    readonly set: string;
    /** `inet filter`; null for an ipset. */
    readonly table: string | null;
    readonly element: string;
    readonly onHost: boolean;
  };
  route: { readonly given: string | null; readonly host: string | null };
  address: { readonly interface: string; readonly given: string | null; readonly host: string | null };
  sysctl: { readonly name: string; readonly given: string; readonly host: string };
  /** Connections that were there before the capture began. */
  olderConnections: { readonly count: number };
  /** A ruleset was loaded at a time, ns since capture start. */
  reloaded: {
    readonly at: number;
    /** The other one is another, the same anew, or has none of the rules of these tables. */
    readonly to: 'other' | 'same' | { readonly without: string };
    /** The given one decides before; else from then on. */
    readonly isLater: boolean;
    /** What is otherwise in the other one; null: not told. */
    readonly rule: string | null;
  };
  helper: { readonly name: string };
  /** Tables decide on the host that were not given, or (`onHost` false) were given and do not. */
  otherTables: { readonly which: string; readonly onHost: boolean };
  /**
   * The wall clock of the log is off: ns that it is ahead of the capture's, how much it gains (a part of 1), and ns
   * within which that is known.
   */
  clock: {
    readonly file: string;
    readonly offset: number;
    readonly drift: number;
    readonly uncertainty: number;
  };
  logLost: { readonly count: number; readonly reason: string | null };
  /** Lines of packets that were not captured; `isBefore`: it began after them. */
  captureIncomplete: { readonly packets: number; readonly isBefore: boolean };
  /** What no hypothesis explains, or the likeliest leaves: of lines and counters, those of one rule. */
  unexplained: {
    readonly rule: string | null;
    readonly onlySimulated: number;
    readonly onlyHost: number;
    readonly fields: readonly string[];
    /** Counters that are not as the host's. */
    readonly counters: number;
    /** Packets that leave otherwise. */
    readonly leaving: number;
    readonly connections: number;
  };
}

export type FindingKind = keyof FindingFacts;

/** A kind with its facts, and how good an explanation it is. */
export type Finding = {
  readonly [K in FindingKind]: {
    readonly kind: K;
    readonly facts: FindingFacts[K];
    /** 0 to 1. */
    readonly confidence: number;
    /** Differences that are gone where it is true. */
    readonly explains: number;
    /** Differences that remain then. */
    readonly left: number;
    readonly suspect: Suspect | null;
    /** Frames and what they show, most telling first. */
    readonly evidence: readonly Evidence[];
  };
}[FindingKind];

export interface Evidence {
  /** 1-based; 0 for none. */
  readonly frame: number;
  readonly text: string;
}
