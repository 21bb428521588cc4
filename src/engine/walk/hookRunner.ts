import type { Route } from '../../host/routeModel.js';
import type { Packet } from '../../packet/packet.js';
import { tosOf } from '../../packet/rewrite.js';
import { CtState, CtStatus } from '../../rules/connection.js';
import { Hook } from '../../rules/hook.js';
import type { Ruleset } from '../../rules/model.js';
import { Verdict } from '../../rules/verdict.js';
import type { ConnectionEntry } from '../conntrack/entry.js';
import type { Tracker } from '../conntrack/tracker.js';
import type { Defragmenter } from '../stack/defrag.js';
import {
  REFUSED_BY_HELPER,
  REFUSED_BY_SYNPROXY,
  TAKEN,
  TAKEN_BY_SYNPROXY,
  tellHeld,
  tellLost,
  WAITS_FOR_FRAGMENTS,
} from '../endings.js';
import type { FlowPath, FlowPaths } from '../steady/flowPath.js';
import { buildHooks, type HookEntry, StageKind } from './hooks.js';
import { LinkHooks } from '../link/linkHooks.js';
import type { Nat } from '../nat/nat.js';
import { NatStage } from '../nat/natStage.js';
import type { Observer } from '../observer.js';
import type { Passage } from '../passage.js';
import type { Synproxy } from '../synproxy/synproxy.js';
import { type BaseChainProgram, compile, type Program } from './program.js';
import type { RuleContext } from './ruleContext.js';
import { RuleRecords } from './ruleRecords.js';
import type { NamedTables } from './shared.js';
import { walk } from './walk.js';

/** What is run at hooks, and what it is run with. */
interface HookParts {
  readonly context: RuleContext;
  readonly shared: NamedTables;
  readonly tracker: Tracker;
  readonly nat: Nat;
  readonly synproxy: Synproxy;
  readonly defragmenter: Defragmenter;
  readonly observer: Observer | null;
  readonly paths: FlowPaths | null;
  /** The way out of a packet that OUTPUT has changed; null: none. */
  rerouted(packet: Packet): Route | null;
  /** The rest of a packet's way is known. */
  follow(path: FlowPath, passage: Passage): void;
}

/** The hooks: what is registered at each, in order of priority, and the run of a packet through one. */
export class HookRunner {
  program!: Program;
  /** What is registered below IP. */
  links!: LinkHooks;
  /** Nothing sees an IPv4 packet that comes in before conntrack does, but what puts fragments together. */
  beginsWithTracking = false;
  /** Nothing tracks connections of IPv4. */
  tracksNothing = false;
  private records!: RuleRecords;
  readonly nat: NatStage;
  private entries!: readonly (readonly (readonly HookEntry[])[])[];
  private readonly context: RuleContext;
  private readonly observer: Observer | null;

  constructor(
    ruleset: Ruleset,
    private readonly parts: HookParts,
  ) {
    this.context = parts.context;
    this.observer = parts.observer;
    this.nat = new NatStage(parts.nat, parts.tracker, parts.observer, {
      runChain: (chain, hook, passage) => this.runChain(chain, hook, passage),
      tracks: (version) => this.tracks(version),
      reroute: (passage) => this.reroute(passage),
      lost: (passage, reason) => tellLost(parts.observer, passage, reason),
    });
    this.load(ruleset);
  }

  /**
   * Another ruleset takes the place of the one that runs: counters and limits begin anew, connections stay.
   * @param now ns since capture start
   */
  load(ruleset: Ruleset, now = 0): void {
    const { shared, context } = this.parts;
    this.program = compile(ruleset, { shared, now, tick: context.clock.tickAt(now) });
    this.records = new RuleRecords();
    this.entries = [4, 6].map((version) => buildHooks(this.program, version as 4 | 6));
    this.links = new LinkHooks(this.program);
    const first = this.at(4, Hook.prerouting).find(({ kind }) => kind !== StageKind.defrag);
    this.beginsWithTracking = first?.kind === StageKind.conntrack;
    this.tracksNothing = !this.tracks(4);
  }

  /** What is registered at a hook, in order of priority. */
  at(version: 4 | 6, hook: Hook): readonly HookEntry[] {
    return this.entries[version === 4 ? 0 : 1][hook];
  }

  /** Runs chains below IP. False: the frame is gone. */
  runLink(chains: readonly BaseChainProgram[], hook: Hook, passage: Passage): boolean {
    const { context } = this;
    for (const chain of chains) {
      context.passage = passage;
      context.hook = hook;
      if (this.runChain(chain, hook, passage) !== Verdict.accept) return false;
    }
    return true;
  }

  /** Runs what is registered at a hook, in order of priority: `nf_hook_slow()`. False: the packet is gone. */
  run(hook: Hook, passage: Passage): boolean {
    this.observer?.hook(hook, passage);
    const { context } = this;
    const entries = this.at(passage.packet.version, hook);
    for (const entry of entries) {
      context.passage = passage;
      context.hook = hook;
      const verdict = this.runEntry(entry, hook, passage);
      if (verdict === Verdict.accept) continue;
      return false;
    }
    return true;
  }

  private runEntry(entry: HookEntry, hook: Hook, passage: Passage): Verdict {
    switch (entry.kind) {
      case StageKind.defrag: {
        const whole =
          passage.state === CtState.untracked
            ? passage.packet
            : this.parts.defragmenter.add(passage.packet, true);
        if (!whole) {
          tellHeld(this.observer, passage, null, WAITS_FOR_FRAGMENTS);
          return Verdict.stolen;
        }
        passage.packet = whole;
        return Verdict.accept;
      }
      case StageKind.conntrack: {
        const verdict = this.parts.tracker.track(passage, hook);
        const path = hook === Hook.prerouting ? this.parts.paths?.of(passage, this.program) : null;
        if (!path) return verdict;
        this.parts.follow(path, passage);
        return Verdict.stolen;
      }
      case StageKind.confirm: {
        const { connection } = passage;
        if (connection?.proxied) {
          const verdict = this.parts.synproxy.meet(passage, connection, connection.proxied);
          if (verdict === Verdict.drop) tellLost(this.observer, passage, REFUSED_BY_SYNPROXY);
          else if (verdict === Verdict.stolen) tellHeld(this.observer, passage, null, TAKEN_BY_SYNPROXY);
          if (verdict !== Verdict.accept) return verdict;
        }
        if (isHelped(connection) && !this.help(passage)) return Verdict.drop;
        const verdict = this.parts.tracker.confirm(passage);
        if (verdict === Verdict.drop) tellLost(this.observer, passage, TAKEN);
        return verdict;
      }
      case StageKind.nat:
        return this.nat.run(entry.chains, hook, passage);
      case StageKind.chain:
        return this.runChain(entry.chain, hook, passage);
    }
  }

  /** False: the packet is gone. */
  private help(passage: Passage): boolean {
    const { length } = passage.packet;
    if (this.parts.tracker.help(passage) !== Verdict.accept) {
      tellLost(this.observer, passage, REFUSED_BY_HELPER);
      return false;
    }
    const now = passage.packet.length;
    if (now !== length) this.observer?.change?.('ip.length', String(length), String(now), null, passage);
    return true;
  }

  private runChain(chain: BaseChainProgram, hook: Hook, passage: Passage): Verdict {
    const { context } = this;
    context.table = chain.chain.table.name;
    context.family = chain.chain.table.family;
    const { packet } = passage;
    const watched = hook === Hook.output && chain.base.type === 'route';
    const mark = packet.mark;
    const tos = watched ? tosOf(packet) : 0;
    const paths = this.parts.paths?.isNoting(passage) ? this.parts.paths : null;
    const result = walk(chain, passage, context, this.records, this.observer, paths);
    if (result.verdict === Verdict.drop)
      this.observer?.end(passage, {
        kind: 'dropped',
        rule: result.rule,
        chain: chain.chain,
        reason: result.rule ? 'rule' : 'policy',
      });
    else if (result.verdict !== Verdict.accept)
      tellHeld(this.observer, passage, result.rule, 'taken by a rule');
    // `ipt_mangle_out()`: what routing looks at has changed, so it is asked again.
    if (watched && result.verdict === Verdict.accept && (packet.mark !== mark || tosOf(packet) !== tos))
      return this.reroute(passage);
    return result.verdict;
  }

  /** `ip_route_me_harder()`. */
  private reroute(passage: Passage): Verdict {
    const route = this.parts.rerouted(passage.packet);
    if (!route) {
      tellLost(this.observer, passage, 'no route after OUTPUT changed it');
      return Verdict.drop;
    }
    // The rest of this hook still sees the old way out (`nf_hook_state`); `leave` takes the new one.
    passage.route = route;
    return Verdict.accept;
  }

  private tracks(version: 4 | 6): boolean {
    const entries = this.at(version, Hook.prerouting);
    return entries.some((entry) => entry.kind === StageKind.conntrack);
  }
}

/** Its packets are read, or have other sequence numbers on one side than on the other. */
function isHelped(entry: ConnectionEntry | null): boolean {
  return entry !== null && (entry.helper !== null || entry.has(CtStatus.seqAdjust));
}
