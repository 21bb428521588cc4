import { CtState } from '../../rules/connection.js';
import { Manip, type NatRange } from '../../rules/context.js';
import { Hook } from '../../rules/hook.js';
import type { Rule } from '../../rules/model.js';
import { Verdict } from '../../rules/verdict.js';
import type { Tracker } from '../conntrack/tracker.js';
import { Endpoints, tellTranslation } from './endpoints.js';
import { asksRules, isInitialised, isRelatedError, manipOf, type Nat, Translation } from './nat.js';
import type { Observer } from '../observer.js';
import type { Passage } from '../passage.js';
import type { BaseChainProgram } from '../walk/program.js';

/** What the stage needs of the spine. */
export interface NatSpine {
  runChain(chain: BaseChainProgram, hook: Hook, passage: Passage): Verdict;
  /** Connections are tracked for this IP version. */
  tracks(version: 4 | 6): boolean;
  reroute(passage: Passage): Verdict;
  lost(passage: Passage, reason: string): void;
}

/** NAT where it stands in a hook: asks the rules for a new connection, then translates the packet as its connection says. */
export class NatStage {
  private readonly before = new Endpoints();
  private readonly after = new Endpoints();

  constructor(
    private readonly nat: Nat,
    private readonly tracker: Tracker,
    private readonly observer: Observer | null,
    private readonly spine: NatSpine,
  ) {}

  /** `nf_nat_inet_fn()` (net/netfilter/nf_nat_core.c), and the ICMP errors that go before it (nf_nat_proto.c). */
  run(chains: readonly BaseChainProgram[], hook: Hook, passage: Passage): Verdict {
    const entry = passage.connection;
    const { packet } = passage;
    if (!entry || passage.state === CtState.untracked) {
      if (!this.observer) return Verdict.accept;
      const untracked = passage.state === CtState.untracked;
      const reason = untracked ? 'untracked' : this.spine.tracks(packet.version) ? 'invalid' : 'not-tracking';
      for (const chain of chains) this.observer.skip(chain.chain, reason, passage);
      return Verdict.accept;
    }
    if (isRelatedError(passage, packet)) {
      for (const chain of chains) this.observer?.skip(chain.chain, 'related-error', passage);
      return this.rewritten(passage, hook, true);
    }
    const manip = manipOf(hook);
    if (asksRules(passage) && !isInitialised(entry, manip)) {
      for (const chain of chains) {
        const verdict = this.spine.runChain(chain, hook, passage);
        if (verdict !== Verdict.accept) return verdict;
        if (isInitialised(entry, manip)) break;
      }
      if (!isInitialised(entry, manip)) this.nat.setupNull(passage, manip);
    } else {
      for (const chain of chains) this.observer?.skip(chain.chain, 'known-connection', passage);
      // `nf_nat_oif_changed()`: MASQUERADE's address belongs to the interface it left by.
      if (
        hook === Hook.postrouting &&
        entry.masqueradeIndex !== 0 &&
        packet.out?.index !== entry.masqueradeIndex &&
        passage.direction === 0
      ) {
        this.tracker.table.destroy(entry);
        this.spine.lost(passage, 'its masqueraded connection left by another interface before');
        return Verdict.drop;
      }
    }
    return this.rewritten(passage, hook, false);
  }

  /** Applies a translation, tells of it, and routes again what OUTPUT sends elsewhere (`nf_nat_ipv4_local_fn()`). */
  private rewritten(passage: Passage, hook: Hook, isError: boolean): Verdict {
    const { packet } = passage;
    const { before, after, observer } = this;
    // Nobody else asks what the packet was before.
    const isCompared = hook === Hook.output || observer?.change !== undefined;
    if (isCompared) before.take(packet);
    const translation = isError ? this.nat.applyToError(passage, hook) : this.nat.apply(passage, hook);
    if (translation === Translation.impossible) {
      this.spine.lost(passage, 'it cannot be translated');
      return Verdict.drop;
    }
    if (translation === Translation.none) return Verdict.accept;
    observer?.translated?.(passage);
    if (!isCompared) return Verdict.accept;
    after.take(packet);
    if (observer?.change) tellTranslation(observer, passage, before, after);
    if (hook === Hook.output && !before.hasDestinationOf(after)) return this.spine.reroute(passage);
    return Verdict.accept;
  }

  /** A rule's choice for a new connection. */
  setup(passage: Passage, manip: Manip, range: NatRange, rule: Rule): void {
    const entry = passage.connection;
    if (!entry) return;
    this.nat.setup(passage, manip, range);
    if (manip === Manip.source) {
      entry.sourceRule ??= rule;
      if (range.masquerade) entry.masqueradeIndex = passage.packet.out?.index ?? 0;
    } else entry.destinationRule ??= rule;
  }
}
