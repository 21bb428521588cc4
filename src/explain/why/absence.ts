import type { PacketEnd, SkipReason } from '../../engine/observer.js';
import { type Condition } from '../../rules/definition.js';
import { Hook, HOOK_NAMES } from '../../rules/hook.js';
import type { Chain, Rule } from '../../rules/model.js';
import { Outcome, Verdict } from '../../rules/verdict.js';
import { chainAddress, policyReference, referenceTo, verdictName } from '../describe.js';
import { goesTo, jumpsOf } from '../jumps.js';
import type { Ways } from '../reach.js';
import type { AwayReason } from '../result.js';
import type { Trip } from './trip.js';

/** What one packet met on the way to a rule: why it has not come there, should it end so. */
export class Approach {
  private distance = Infinity;
  private missed: { rule: Rule; condition: Condition | null } | null = null;
  private left: AwayReason | null = null;
  private skipped: { chain: Chain; reason: SkipReason } | null = null;
  /** The base chain that is being walked. */
  private base: Chain | null = null;

  constructor(
    private readonly ways: Ways,
    private readonly trip: Trip,
  ) {}

  skip(chain: Chain, reason: SkipReason): void {
    if (this.ways.bases.has(chain)) this.skipped ??= { chain, reason };
  }

  enter(chain: Chain, by: Rule | null): void {
    if (by === null) this.base = chain;
    const distance = this.ways.distance.get(chain);
    if (distance !== undefined && distance < this.distance) {
      this.distance = distance;
      this.missed = null;
      this.left = null;
      return;
    }
    if (by === null || distance !== undefined || !this.inNearest(by.chain)) return;
    if (goesTo(by, chain.name))
      this.left ??= { kind: 'went-elsewhere', rule: referenceTo(by), chain: chainAddress(chain) };
  }

  private inNearest(chain: Chain): boolean {
    return this.ways.distance.get(chain) === this.distance;
  }

  /** A rule that leads to the chain was tried. */
  gate(rule: Rule, outcome: Outcome, conditions: readonly Condition[]): void {
    if (outcome === Outcome.hit || this.missed || this.left || !this.inNearest(rule.chain)) return;
    this.missed = { rule, condition: conditions.find((c) => c.outcome !== Outcome.hit) ?? null };
  }

  verdict(rule: Rule | null, chain: Chain, verdict: Verdict): void {
    if (rule === null || !this.base || !this.ways.bases.has(this.base)) return;
    if (verdict === Verdict.return) {
      if (this.inNearest(chain)) this.left ??= { kind: 'returned', rule: referenceTo(rule) };
    } else if (this.left === null || this.left.kind === 'went-elsewhere')
      this.left = this.decided(rule, verdict);
  }

  private decided(rule: Rule, verdict: Verdict): AwayReason {
    return {
      kind: 'decided',
      rule: referenceTo(rule),
      verdict: verdictName(verdict),
      hook: HOOK_NAMES[this.trip.hooks[this.trip.hooks.length - 1] ?? Hook.prerouting],
    };
  }

  reason(how: PacketEnd): AwayReason {
    if (this.missed) return jumpMissed(this.missed.rule, this.missed.condition);
    if (this.left) return this.left;
    if (this.distance === Infinity && this.skipped)
      return { kind: 'skipped', chain: chainAddress(this.skipped.chain), reason: this.skipped.reason };
    return (this.distance < Infinity || this.couldStillCome() ? this.ended(how) : null) ?? this.elsewhere();
  }

  /** Where a packet that had not ended here could have come to one of the chains. */
  private couldStillCome(): boolean {
    const last = this.trip.hooks[this.trip.hooks.length - 1] as Hook | undefined;
    if (last === undefined) return true;
    const next = [last, ...AFTER[last]];
    return [...this.ways.bases].some((chain) => chain.base && next.includes(chain.base.hook));
  }

  private ended(how: PacketEnd): AwayReason | null {
    if (how.kind === 'held')
      return how.rule ? this.decided(how.rule, Verdict.stolen) : { kind: 'lost', reason: how.reason };
    if (how.kind !== 'dropped') return null;
    if (how.rule) return this.decided(how.rule, Verdict.drop);
    if (!how.chain) return { kind: 'lost', reason: how.reason };
    const hook = how.chain.base ? HOOK_NAMES[how.chain.base.hook] : '';
    return { kind: 'decided', rule: policyReference(how.chain), verdict: 'DROP', hook };
  }

  private elsewhere(): AwayReason {
    const { how, hooks, route, passage } = this.trip;
    const { packet } = passage;
    const loopback = packet.in?.isLoopback === true || packet.out?.isLoopback === true;
    return { kind: 'other-hook', how, path: hooks.map((hook) => HOOK_NAMES[hook]), route, loopback };
  }
}

/** The hooks that may come after one. */
const AFTER: readonly (readonly Hook[])[] = [
  [Hook.input, Hook.forward, Hook.postrouting],
  [],
  [Hook.postrouting],
  [Hook.postrouting],
  [],
];

function jumpMissed(rule: Rule, condition: Condition | null): AwayReason {
  return {
    kind: 'jump-missed',
    rule: referenceTo(rule),
    leadsTo: jumpsOf(rule)
      .map(({ chain }) => chain)
      .join(', '),
    name: condition?.name ?? '',
    wanted: condition?.wanted ?? '',
    saw: condition?.saw ?? '',
  };
}
