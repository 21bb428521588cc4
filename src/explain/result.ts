import type { Field } from '../rules/definition.js';

/** A rule or a policy, as the command line addresses it. */
export interface RuleReference {
  readonly address: string;
  /** As iptables-save prints it, with `-A CHAIN` (`-P CHAIN VERDICT` for a policy); an nft rule as it is listed. */
  readonly text: string;
  readonly file: string | null;
  readonly line: number | null;
}

/** A packet as an example: the frame it came in, and what it looked like then. */
export interface PacketNote {
  /** 1-based over all files. */
  readonly frame: number;
  /** ns since capture start. */
  readonly time: number;
  /** `tcp 198.51.100.9:55180 > 172.17.0.2:6379 in eth0 out docker0`. */
  readonly packet: string;
}

/** Something that happened so often, with the first packets to which it did. */
export interface Tallied {
  readonly count: number;
  readonly examples: readonly PacketNote[];
}

/** Where a value that a condition saw came from. */
export interface Provenance {
  /** What it was before. */
  readonly from: string;
  /** What it was made; with both where address and port changed at once: `172.17.0.2:6379`. */
  readonly made: string;
  /** Whose doing: a rule; null for the kernel's own, and for NAT of a connection older than the capture. */
  readonly rule: RuleReference | null;
  readonly count: number;
  /** The value before is one that the condition wants. */
  readonly wanted: boolean;
  /** A translation of addresses and ports, of this packet or of the one that opened its connection. */
  readonly byNat: boolean;
}

/** One value that a condition saw where it failed. */
export interface SawValue extends Tallied {
  readonly saw: string;
  /** Most frequent first; those that came as they were seen are not among them. */
  readonly changed: readonly Provenance[];
  /** For a connection's state: the frame that opened the first such connection; null where it does not apply. */
  readonly since: number | null;
}

/** The option of -m conntrack that finds the wanted value in the connection, and in which direction the packets went. */
export interface TupleFinding {
  readonly option: string;
  readonly direction: 'ORIGINAL' | 'REPLY';
  readonly count: number;
}

/** A condition that was the first of its rule to fail. */
export interface FailedCondition {
  /** The rule's option without dashes. */
  readonly name: string;
  readonly field: Field;
  readonly wanted: string;
  readonly count: number;
  /** Could not be decided: something is not known, or not modelled. */
  readonly undecided: boolean;
  /** Near misses first: values that had been what was wanted, then by how often. */
  readonly values: readonly SawValue[];
  /** How often other values than the listed ones were seen. */
  readonly otherValues: number;
  readonly inConnection: readonly TupleFinding[];
}

/** Why packets never came to the rule. */
export type AwayReason =
  /** Their way led through other hooks. */
  | {
      readonly kind: 'other-hook';
      readonly how: 'received' | 'sent';
      /** The hooks that they did pass, in order. */
      readonly path: readonly string[];
      /** What routing decided; null: routing was not asked. */
      readonly route: string | null;
      readonly loopback: boolean;
    }
  /** nat rules are asked only for what opens a connection. */
  | { readonly kind: 'skipped'; readonly chain: string; readonly reason: string }
  /** The rule that jumps to the chain was tried, and its condition failed. */
  | {
      readonly kind: 'jump-missed';
      readonly rule: RuleReference;
      readonly leadsTo: string;
      readonly name: string;
      readonly wanted: string;
      readonly saw: string;
    }
  | {
      readonly kind: 'decided';
      readonly rule: RuleReference;
      readonly verdict: string;
      readonly hook: string;
    }
  | { readonly kind: 'returned'; readonly rule: RuleReference }
  | { readonly kind: 'went-elsewhere'; readonly rule: RuleReference; readonly chain: string }
  /** The kernel itself dropped or kept them. */
  | { readonly kind: 'lost'; readonly reason: string };

export type Away = AwayReason & Tallied;

/** A rule that sets a field which the explained rule asks for. */
export interface Setter {
  readonly rule: RuleReference;
  readonly fields: readonly Field[];
  readonly reached: number;
  readonly matched: number;
}

/** What the packets of a capture did at one rule. */
export interface RuleEvidence {
  /** Packets of the rule's IP version that started their way: received, or made by the host. */
  readonly packets: number;
  /** How often the rule was tried; one packet can come twice. */
  readonly reached: number;
  /** How often all its conditions held: what its counter gained. */
  readonly matched: number;
  /** The same by the packet's direction in its connection; the rest had none. */
  readonly matchedDirections: { readonly original: number; readonly reply: number };
  /** The connections that the matching packets belong to; at most 100,000 are told apart. */
  readonly connections: number;
  readonly matches: readonly PacketNote[];
  readonly failed: readonly FailedCondition[];
  /** Packets that never came to the rule, most first. */
  readonly away: readonly Away[];
  readonly awayTotal: number;
  readonly setters: readonly Setter[];
}

/** How packets fare otherwise under a changed ruleset. */
export interface FateChange extends Omit<Tallied, 'examples'> {
  readonly before: string;
  readonly after: string;
  /** The first of them. */
  readonly frames: readonly number[];
}

/** A change of the rules that was tried by replaying the capture with it. */
export interface Advice {
  readonly kind: AdviceKind;
  /** The rule that changes, and what it is after the change. */
  readonly rule: RuleReference;
  readonly changed: RuleReference;
  /** The words of the rule that are new; '' where it only moved. */
  readonly words: string;
  /** What it matches of the packets as they came: replayed with the rule only counting. */
  readonly matched: number;
  readonly matchedDirections: RuleEvidence['matchedDirections'];
  readonly connections: number;
  readonly matches: readonly PacketNote[];
  /** Replayed with its target. */
  readonly inEffect: Effect;
}

/** What a changed rule does where the packets that would not have been there any more are left out. */
export interface Effect {
  readonly matched: number;
  readonly matches: readonly PacketNote[];
  /** Packets whose end is another one. */
  readonly fates: readonly FateChange[];
  /** Packets that end as before, but with other contents, marks, interfaces or answers. */
  readonly altered: number;
  /** Packets that are in the capture only because earlier ones of their connection passed. */
  readonly consequent: number;
}

export type AdviceKind =
  'connection-tuple' | 'value-before' | 'value-seen' | 'interface' | 'earlier' | 'hook' | 'table';

/** Something that the rules alone tell, without any packet. */
export interface StaticNote {
  readonly kind: 'contradiction' | 'unreferenced' | 'shadowed' | 'duplicate' | 'impossible-interface';
  /** The other rule, where there is one. */
  readonly rule: RuleReference | null;
  readonly detail: string;
}

export interface WhyResult {
  readonly rule: RuleReference;
  readonly evidence: RuleEvidence;
  readonly advice: readonly Advice[];
  /** How many changes were tried by replaying. */
  readonly tried: number;
  readonly notes: readonly StaticNote[];
}
