import type { Packet } from '../packet/packet.js';
import type { Condition, Field } from '../rules/definition.js';
import type { Chain, Rule } from '../rules/model.js';
import type { Hook } from '../rules/hook.js';
import type { Outcome, Verdict } from '../rules/verdict.js';
import type { Passage } from './passage.js';

/**
 * Watches the walk of every packet, misses included: what `why` is made of. The engine runs the same with and
 * without one.
 */
export interface Observer {
  /** A packet starts its way: received, or made by this host. */
  packet(passage: Passage, how: 'received' | 'sent'): void;
  hook(hook: Hook, passage: Passage): void;
  /** A base chain or user chain begins; `by` is the rule that jumped. */
  enter(chain: Chain, by: Rule | null, passage: Passage): void;
  /** A chain's nat rules are not asked, and why. */
  skip(chain: Chain, reason: SkipReason, passage: Passage): void;
  /** Whether it is to be told of rules that this packet does not match; without it, it is. */
  misses?(passage: Passage): boolean;
  /** Whether it wants to know the conditions of this rule's tests; without it, of every rule. */
  watches?(rule: Rule, passage: Passage): boolean;
  /** A rule that it does not watch was tried. */
  tried?(rule: Rule, outcome: Outcome): void;
  /** One rule was tried; `conditions` are those of its tests up to the one that failed. */
  rule(rule: Rule, outcome: Outcome, conditions: readonly Condition[], passage: Passage): void;
  verdict(rule: Rule | null, chain: Chain, verdict: Verdict, passage: Passage): void;
  /** NAT gave the packet other addresses or ports. */
  translated?(passage: Passage): void;
  /**
   * A field got a new value; `rule` is whose doing it is, null for the kernel's own (TTL). Without it, nobody looks what
   * has changed and puts it into words.
   */
  change?(field: Field, from: string, to: string, rule: Rule | null, passage: Passage): void;
  /** What the kernel does with it beside a verdict, in words. */
  tells?(what: string, passage: Passage): void;
  /** Where routing sent it, and where its way ended without a rule's doing. */
  route(decision: string, passage: Passage): void;
  end(passage: Passage, how: PacketEnd): void;
  /**
   * With these two, packets that go the way of others of their flow are not followed through hooks and rules again: what
   * it keeps of the packet that has just been sent, and one that was sent along the same way.
   */
  keep?(passage: Passage): unknown;
  again?(passage: Passage, kept: unknown): void;
  /** With this one as well, there is no passage of most of those packets. @param frame its number; `packet` was not told */
  passed?(frame: number, kept: unknown): void;
}

export type SkipReason =
  | 'known-connection'
  | 'untracked'
  | 'invalid'
  | 'related-error'
  | 'already-translated'
  /** Nothing in the ruleset switches connection tracking on (`nf_ct_netns_get()`). */
  | 'not-tracking';

/** How a packet's way through the host ended. */
export type PacketEnd =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'sent'; readonly packet: Packet }
  /** Taken out of the hooks: by a rule (NFQUEUE), or a fragment that waits for the others. */
  | { readonly kind: 'held'; readonly rule: Rule | null; readonly reason: string }
  | {
      readonly kind: 'dropped';
      readonly rule: Rule | null;
      readonly chain: Chain | null;
      readonly reason: string;
    };
