import type { LaterRuleset } from '../../engine/replayOptions.js';
import type { Observer } from '../../engine/observer.js';
import type { Comparison, Difference } from '../../compare/result.js';
import type { Host } from '../../host/host.js';
import type { Ruleset } from '../../rules/model.js';
import type { IpSets } from '../../rules/sets/set.js';
import type { FindingFacts, FindingKind, Suspect } from '../finding.js';

/** What decides how packets fare: the host, its rules, its sets. */
export interface World {
  readonly ruleset: Ruleset;
  readonly host: Host;
  /** Fresh each time it is called: rules add to sets. */
  readonly sets: () => IpSets;
  /** Backends of which no input says what tables they have. */
  readonly untold?: readonly ('iptables' | 'nft')[];
  /** What was loaded while the capture ran. */
  readonly later?: LaterRuleset;
}

/** A replay in another world, held against the same log. */
export interface Trial {
  readonly comparison: Comparison;
  /** Packets predicted to leave that were not seen to, and seen to leave that were not predicted. */
  readonly astray: number;
}

/** Replays the capture from its start in a world like the given one but for `change`. */
export type TryWorld = (change: Partial<World>, observer?: Observer) => Promise<Trial>;

/** A kind of finding with its facts. */
export type Claim = {
  readonly [K in FindingKind]: { readonly kind: K; readonly facts: FindingFacts[K] };
}[FindingKind];

/** One way in which the host may differ from what is given. */
export interface Hypothesis {
  readonly claim: Claim;
  readonly suspect: Suspect | null;
  /** How much it takes to say it, as -log2 of how often such a thing is the cause: what is simple is likelier. */
  readonly bits: number;
  /** The differing frames that it can have to do with directly; null: any. */
  readonly frames: ReadonlySet<number> | null;
  /** What it explains of what a trial leaves, beside the replay. */
  readonly alsoExplains?: (difference: Difference) => boolean;
  /** null: there is no such world. */
  readonly change: () => Partial<World> | null;
}

/** A hypothesis that was tried. */
export interface Tried {
  readonly hypothesis: Hypothesis;
  readonly trial: Trial;
  readonly score: Score;
}

export interface Score {
  /** Differences in which the two sides contradict each other. */
  readonly left: number;
  /** Bits that it takes to say what is still otherwise, and the hypothesis itself. */
  readonly bits: number;
}
