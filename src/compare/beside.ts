import type { Replay } from '../engine/replay.js';
import { Sight } from '../engine/evidence/sight.js';
import { conntrackText, countersOf } from '../engine/state.js';
import type { Sinks } from '../engine/world.js';
import type { HostAfter } from '../given.js';
import { parseConntrack } from '../host/conntrackText.js';
import type { Link } from '../host/links.js';
import { conntrackDifferences, counterDifferences } from './after.js';
import { createEgressWatch, type Leavings } from './egress.js';
import type { Difference } from './result.js';
import { countersFrom, ruleRows } from './ruleRows.js';

/** Holds what a replay does beside its log against what is known of the host. */
export interface BesideWatch {
  /** To be given to the replay, as are the sinks. */
  readonly sight: Sight;
  readonly sinks: Pick<Required<Sinks>, 'sent' | 'seen'>;
  /** When the replay has ended. @param links the host's interfaces */
  read(replay: Replay, links: readonly Link[]): Beside;
}

export interface Beside extends Omit<Leavings, 'differences'> {
  /** Of packets that leave, counters and connections; in order of time. */
  readonly differences: readonly Difference[];
  /** Interfaces that were not captured, so that counters and connections, if there are any, were left out. */
  readonly unseen: readonly string[];
}

export function watchBeside(after: HostAfter | null): BesideWatch {
  const sight = new Sight();
  const egress = createEgressWatch(sight);
  return {
    sight,
    sinks: {
      sent: (passage) => egress.sent(passage),
      seen: (packet, device, isPredicted) => egress.seen(packet, device, isPredicted),
    },
    read(replay, links) {
      const { differences: left, ...rest } = egress.end();
      if (!after) return { ...rest, differences: left, unseen: [] };
      const unseen = sight.lacking(links);
      return { ...rest, differences: unseen.length > 0 ? left : [...left, ...behind(replay, after)], unseen };
    },
  };
}

/** Counters and connections that are otherwise when the capture ends. */
function* behind({ kernel, lastTime }: Replay, after: HostAfter): Generator<Difference> {
  const { program, tracker } = kernel;
  if (after.ruleset) {
    const theirs = countersFrom(program.ruleset, after.ruleset);
    yield* counterDifferences(ruleRows(program.ruleset, countersOf(program), theirs), lastTime);
  }
  if (!after.connections) return;
  const ours = conntrackText(tracker, lastTime)
    .split('\n')
    .flatMap((line) => parseConntrack(line) ?? []);
  yield* conntrackDifferences(ours, after.connections, lastTime);
}
