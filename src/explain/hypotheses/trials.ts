import type { FrameSource } from '../../capture/frame.js';
import type { RememberedFrames } from '../../capture/remember.js';
import { holdLog, type Prediction } from '../../compare/again.js';
import { fieldsOf, type LossEvent, type ObservedLine } from '../../compare/lines.js';
import { type Comparison, type Difference, isBehind } from '../../compare/result.js';
import type { Observer } from '../../engine/observer.js';
import type { PredictedLine } from '../../engine/events.js';
import { fields } from '../../klog/fields.js';
import { parse } from '../../klog/parse.js';
import { Flows } from './flows.js';
import type { Trial, TryWorld, World } from './hypothesis.js';
import { differenceKey, isOpen } from './score.js';

/** What a replay in some world comes to. */
export interface Replayed extends Pick<Prediction, 'rulesOf' | 'unseen'> {
  readonly lines: readonly PredictedLine[];
  /** Of packets that leave, counters and connections. */
  readonly beside: readonly Difference[];
  /** Packets predicted to leave that were not seen to, and seen to leave that were not predicted. */
  readonly astray: number;
  readonly frames: number;
}

/** Replays frames in a world like the given one but for `change`. */
export type ReplayFrames = (
  source: FrameSource,
  change: Partial<World>,
  how: {
    readonly observer?: Observer;
    /** These are all the frames of the capture, so that counters and connections tell something. */
    readonly isWhole: boolean;
  },
) => Promise<Replayed>;

export interface TrialsOptions {
  readonly frames: RememberedFrames;
  readonly replay: ReplayFrames;
  /** The lines of the host's log, a file each. */
  readonly observed: readonly Iterable<ObservedLine>[];
  readonly losses: readonly LossEvent[];
  /** The given world against the log. */
  readonly comparison: Comparison;
}

/** How worlds are tried on a capture. */
export interface Trials {
  /** On what has to do with the differences, and some more for comparison. */
  readonly some: TryWorld;
  /** On the whole capture. */
  readonly all: TryWorld;
  /** Frames that one trial of `some` replays. */
  readonly cost: number;
  /** Frames of the whole capture. */
  readonly whole: number;
}

/** Captures up to so many frames are replayed whole. */
const SMALL = 2500;
/** Frames of longer ones that a trial replays: half of them of flows that differ, the others for comparison. */
const SAMPLE = 1500;
/** Flows longer than this are no good for comparison. */
const LONG_FLOW = 200;

/**
 * Prepares trials. Of a long capture only some flows are replayed: those that differ, and others spread over it; where
 * the given world does not come to the same differences on these alone (a limit counts all packets), all of them are.
 */
export async function prepareTrials(options: TrialsOptions): Promise<Trials> {
  const { frames: whole, end } = await measure(options.frames.again());
  const all = tryingOn(options, end, null);
  const every: Trials = { some: all, all, cost: whole, whole };
  if (whole <= SMALL) return every;
  const selection = await selectFrames(options);
  if (!selection) return every;
  const some = tryingOn(options, end, selection);
  const { comparison } = await some({});
  // What is behind the capture is of all packets.
  const until = Math.min(selection.until, options.comparison.listedUntil);
  const isHeld = (d: Difference): boolean => isOpen(d) && !isBehind(d) && d.time <= until;
  const wanted = options.comparison.differences.filter(
    (d) => isHeld(d) && selection.groups.has(groupOf(d, selection.flows)),
  );
  const got = comparison.differences.filter(isHeld);
  const keys = new Set(got.map(differenceKey));
  const isAlike = got.length === wanted.length && wanted.every((d) => keys.has(differenceKey(d)));
  return isAlike ? { some, all, cost: selection.frames.size, whole } : every;
}

async function measure(source: FrameSource): Promise<{ frames: number; end: number }> {
  let frames = 0;
  let end = 0;
  for await (const batch of source.batches())
    for (const { time } of batch) {
      frames++;
      end = time;
    }
  return { frames, end };
}

/** The flow that a difference is about; -1 where no frame tells. */
function groupOf({ frame, line }: Difference, flows: Flows): number {
  if (frame > 0) return flows.of(frame);
  const record = parse(line);
  return record ? flows.ofLine(fields(record)) : -1;
}

interface Selection {
  readonly frames: ReadonlySet<number>;
  readonly flows: Flows;
  /** The groups of the frames. */
  readonly groups: ReadonlySet<number>;
  /** ns; later frames are left out. */
  readonly until: number;
}

function tryingOn(options: TrialsOptions, last: number, selection: Selection | null): TryWorld {
  const { frames, replay, observed, losses, comparison } = options;
  const until = selection?.until ?? Infinity;
  const source = frames.again(until, selection ? ({ number }) => selection.frames.has(number) : undefined);
  const held = holdLog({
    observed,
    losses,
    clocks: comparison.clocks,
    epoch: comparison.epoch,
    end: Math.min(until, last),
    wants: selection
      ? (item) => {
          const group = selection.flows.ofLine(fieldsOf(item));
          return group >= 0 && selection.groups.has(group);
        }
      : undefined,
  });
  return async (change, observer): Promise<Trial> => {
    const how = { observer, isWhole: selection === null };
    const { lines, astray, beside, frames: packets, rulesOf, unseen } = await replay(source, change, how);
    const comparison = held({ predicted: lines, packets, rulesOf, unseen });
    const differences = [...comparison.differences, ...beside].sort((a, b) => a.time - b.time);
    return { comparison: { ...comparison, differences }, astray };
  };
}

/** null: there is nothing to go by. */
async function selectFrames({ frames, comparison }: TrialsOptions): Promise<Selection | null> {
  const flows = new Flows();
  const order: { number: number; time: number }[] = [];
  for await (const batch of frames.again().batches())
    for (const frame of batch) {
      flows.add(frame);
      order.push({ number: frame.number, time: frame.time });
    }
  const members = new Map<number, number[]>();
  order.forEach(({ number }, i) => {
    const group = flows.of(number);
    const list = members.get(group);
    if (list) list.push(i);
    else members.set(group, [i]);
  });
  members.delete(-1);
  const chosen = new Set<number>();
  let size = 0;
  let until = Infinity;
  const differing = new Set<number>();
  for (const d of comparison.differences) if (isOpen(d) && !isBehind(d)) differing.add(groupOf(d, flows));
  for (const group of differing) {
    const list = members.get(group);
    if (!list || size >= SAMPLE / 2) continue;
    chosen.add(group);
    size += list.length;
    // One long flow: its beginning will do.
    if (size > SAMPLE) until = order[list[list.length - (size - SAMPLE)]].time;
  }
  if (chosen.size === 0) return null;
  const first = comparison.differences.find((d) => isOpen(d) && chosen.has(groupOf(d, flows)));
  if (first && first.time > until) return null;
  const others = [...members].filter(
    ([group, list]) => !differing.has(group) && list.length <= LONG_FLOW && order[list[0]].time <= until,
  );
  const room = SAMPLE - size;
  const step = Math.max(1, others.reduce((sum, [, list]) => sum + list.length, 0) / Math.max(1, room));
  for (let at = 0; at < others.length && size < SAMPLE; at += step) {
    const [group, list] = others[Math.floor(at)];
    chosen.add(group);
    size += list.length;
  }
  const wanted = new Set<number>();
  for (const group of chosen) for (const i of members.get(group) ?? []) wanted.add(order[i].number);
  return { frames: wanted, flows, groups: chosen, until };
}
