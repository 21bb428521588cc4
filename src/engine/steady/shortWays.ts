import type { Routing } from '../../host/routes.js';
import type { SetView } from '../../rules/context.js';
import type { Tracker } from '../conntrack/tracker.js';
import type { ExpectedFrames } from '../evidence/expected.js';
import type { Observer } from '../observer.js';
import type { Passage } from '../passage.js';
import type { HookRunner } from '../walk/hookRunner.js';
import { CommonWays } from './commonWays.js';
import { type FlowPath, FlowPaths } from './flowPath.js';
import type { Glimpse } from './glimpse.js';
import { SteadyFlows } from './steadyFlows.js';
import { UntrackedFlows } from './untrackedFlows.js';
import { Ways } from './ways.js';

/** What packets went before, for those that go it again: without the walk (flowPath.ts), or without a passage at all. */
export class ShortWays {
  /** null: an observer wants to see every packet go through every hook. */
  readonly paths: FlowPaths | null;
  /** No observer wants a passage of packets that go the way of others. */
  private readonly areOpen: boolean;
  private readonly ways = new Ways();
  private readonly steady: SteadyFlows;
  private readonly untracked: UntrackedFlows;

  constructor(
    tracker: Tracker,
    routing: Routing,
    sets: SetView,
    private readonly observer: Observer | null,
  ) {
    const common = new CommonWays(routing);
    this.steady = new SteadyFlows(tracker, this.ways, common);
    this.untracked = new UntrackedFlows(this.ways, common);
    this.paths = !observer || (observer.keep && observer.again) ? new FlowPaths(sets, common) : null;
    this.areOpen = this.paths !== null && (!observer || observer.passed !== undefined);
    if (this.paths) this.paths.onClear = () => this.forget();
  }

  /** Whether packets may go past the passage under what is registered. */
  areFor(hooks: HookRunner): boolean {
    return this.areOpen && (hooks.beginsWithTracking || hooks.tracksNothing);
  }

  /** A packet that nothing tracks is soon to be run. */
  anticipate({ isOut, hash }: Glimpse): void {
    if (!isOut) this.untracked.anticipate(hash);
  }

  /** Runs a packet that a short way is right for. False: nothing was done. */
  take(packet: Glimpse, hooks: HookRunner, expected: ExpectedFrames): boolean {
    const flows = hooks.tracksNothing ? this.untracked : this.steady;
    const way = flows.take(packet, hooks.program, expected);
    if (way === null) return false;
    this.observer?.passed?.(packet.number, way.told);
    return true;
  }

  /** A packet has gone the way, to the wire. */
  went({ connection, packet }: Passage, way: FlowPath): void {
    if (!this.areOpen) return;
    if (connection) this.steady.went(connection);
    else this.untracked.went(packet, way);
  }

  /** Rules are about to be asked for their counters. */
  settle(): void {
    this.ways.settle();
  }

  private forget(): void {
    this.ways.clear();
    this.steady.clear();
    this.untracked.clear();
  }
}
