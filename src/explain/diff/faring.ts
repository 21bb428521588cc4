import type { Ruleset } from '../../rules/model.js';
import type { ReplayWith } from '../why/advice.js';
import { Consequences } from '../why/consequences.js';
import { Fates } from '../why/fates.js';
import type { PacketWalk } from '../walks/packetWalk.js';
import { recordWalks } from '../walks/packetWalks.js';
import type { Effect } from '../result.js';

/** One packet that ends otherwise, and what ended it: a rule, a policy, or why the kernel itself did. */
export interface FaringPacket {
  readonly frame: number;
  readonly packet: string;
  readonly first: string;
  readonly second: string;
}

/** How the packets of a capture fare under a second ruleset, when the first is what they were captured under. */
export interface Faring extends Pick<Effect, 'fates' | 'altered' | 'consequent'> {
  readonly examples: readonly FaringPacket[];
}

/** Of each kind of change. */
const MOST_EXAMPLES = 3;

/** Replays under both rulesets, and once more for the packets that are shown as examples. */
export async function compareFaring(
  first: Ruleset,
  second: Ruleset,
  replay: ReplayWith,
  replaySecond: ReplayWith = replay,
): Promise<Faring> {
  const before = new Fates();
  await replay(first, { ...SILENT, ...bound(before) });
  const consequences = new Consequences(before);
  await replaySecond(second, { ...SILENT, ...bound(consequences) }, consequences.admits);
  const effect = before.differences(consequences.fates);
  const shown = effect.fates.flatMap(({ frames }) => frames.slice(0, MOST_EXAMPLES));
  if (shown.length === 0) return { ...effect, examples: [] };
  const walks = async (ruleset: Ruleset, run: ReplayWith): Promise<PacketWalk[]> => {
    const recorder = recordWalks(shown);
    await run(ruleset, recorder);
    return [...recorder.walks()];
  };
  const [a, b] = [await walks(first, replay), await walks(second, replaySecond)];
  const examples = shown.map((frame, i) => ({
    frame,
    packet: a[i].trips.at(0)?.packet ?? '',
    first: decisionOf(a[i]),
    second: decisionOf(b[i]),
  }));
  return { ...effect, examples };
}

const SILENT = {
  hook: () => undefined,
  enter: () => undefined,
  skip: () => undefined,
  watches: () => false,
  rule: () => undefined,
  verdict: () => undefined,
  change: () => undefined,
  route: () => undefined,
};

function bound(fates: Pick<Fates, 'packet' | 'end'>): Pick<Fates, 'packet' | 'end'> {
  return {
    packet: (passage, how) => fates.packet(passage, how),
    end: (passage, how) => fates.end(passage, how),
  };
}

/** The last rule or policy that decided, and how the way ended. */
function decisionOf({ trips }: PacketWalk): string {
  const events = trips.at(0)?.events ?? [];
  const end = events.findLast((event) => event.kind === 'end');
  if (end?.kind !== 'end') return 'not run';
  if (end.reason !== '') return `${end.end} by ${end.reason}`;
  const last = events.findLast((event) => event.kind === 'verdict' && /^filter|filter:/.test(event.chain));
  const by = last?.kind === 'verdict' ? (last.rule?.address ?? last.chain) : '';
  return by === '' ? end.end : `${end.end}, accepted by ${by}`;
}
