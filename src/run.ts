import type { FrameSource } from './capture/frame.js';
import type { RememberedFrames } from './capture/remember.js';
import { comparable } from './compare/comparable.js';
import { fromEntries } from './compare/entries.js';
import { compareLines } from './compare/compare.js';
import type { WritingRule } from './compare/pairs.js';
import type { Comparison } from './compare/result.js';
import type { PredictedLine } from './engine/events.js';
import { type Preparation, Replay, type ReplayOptions } from './engine/replay.js';
import type { Sinks } from './engine/world.js';
import type { ReplayWith } from './explain/why.js';
import type { Finding } from './explain/finding.js';
import type { Limits } from './explain/findings.js';
import type { World } from './explain/hypotheses/hypothesis.js';
import type { ReplayFrames } from './explain/hypotheses/trials.js';
import type { Given } from './given.js';
import type { Host } from './host/host.js';
import { parse } from './klog/parse.js';
import type { ObservedEntry } from './observed/entry.js';
import { readNflog } from './observed/nflog.js';
import { readLogBatches, type LogSource } from './observed/readLog.js';
import { logPrefixes } from './rules/logPrefix.js';
import { unknownMatch } from './rules/matches/unknown.js';
import { type Rule, ruleAddress, type Ruleset } from './rules/model.js';
import type { IpSets } from './rules/sets/set.js';
import { setView } from './rules/sets/view.js';
import { Diagnostics } from './source/diagnostic.js';

/** A finished replay: the predicted lines, and the simulated kernel as it is at the last packet. */
export interface ReplayResult {
  readonly lines: readonly PredictedLine[];
  readonly replay: Replay;
}

export interface ReplaySinks extends Partial<Omit<Sinks, 'line'>> {
  line?(line: PredictedLine): void;
}

export interface RunOptions extends Pick<
  ReplayOptions,
  'observer' | 'seed' | 'device' | 'admits' | 'prepares' | 'sight' | 'later'
> {
  readonly sinks?: ReplaySinks;
  /** false: the lines go to the sink alone, so that a capture without an end takes no memory. */
  readonly keepsLines?: boolean;
}

/** Runs a capture, already opened, through the simulated host. */
export async function runReplay(
  source: FrameSource,
  given: Given,
  options: RunOptions = {},
): Promise<ReplayResult> {
  const lines: PredictedLine[] = [];
  const clock = { now: 0 };
  const { sinks = {}, keepsLines = true } = options;
  const { logs = { kernel: true, groups: false } } = given;
  const replay = new Replay(
    {
      ruleset: given.ruleset,
      host: given.host,
      sets: setView(given.sets, clock),
      observer: options.observer,
      seed: options.seed,
      device: options.device,
      admits: options.admits,
      prepares: options.prepares,
      sight: options.sight,
      later: options.later,
      sinks: {
        ...sinks,
        sent: (passage) => sinks.sent?.(passage),
        line: (line) => {
          if (keepsLines && logs.kernel) lines.push(line);
          sinks.line?.(line);
        },
        ...(logs.groups && {
          grouped(line: PredictedLine, group: number): void {
            if (keepsLines) lines.push(line);
            sinks.grouped?.(line, group);
          },
        }),
      },
    },
    source,
  );
  replay.clock = clock;
  await replay.run();
  return { lines, replay };
}

/**
 * Replays the same captures from their start, as often as it is asked, under other rules: what explanations are tried
 * with. What rules remember and add to sets starts afresh each time.
 * @param open opens the captures again
 */
export function replayAgain(
  open: () => FrameSource,
  given: Given,
  seed?: number,
  prepares?: Preparation,
): ReplayWith {
  const kept = keepSets(given.sets);
  return async (ruleset, observer, admits) => {
    const sets = kept();
    const source = open();
    await source.open();
    await runReplay(source, { ...given, ruleset, sets }, { observer, admits, seed, prepares });
  };
}

/** Reads the host's logs; what is wrong with them is in `diagnostics`. */
export async function readLogs(
  sources: readonly LogSource[],
  diagnostics: Diagnostics,
): Promise<ObservedEntry[]> {
  const entries: ObservedEntry[] = [];
  for (const source of sources)
    for await (const batch of readLogBatches(source, {}, diagnostics))
      for (const entry of batch) entries.push(entry);
  return entries;
}

/** Reads captures of NFLOG messages as logs; what is wrong with them is in `diagnostics`. */
export async function readNflogs(
  files: readonly string[],
  host: Host,
  diagnostics: Diagnostics,
): Promise<ObservedEntry[]> {
  const entries: ObservedEntry[] = [];
  for (const file of files) for await (const entry of readNflog(file, host, diagnostics)) entries.push(entry);
  return entries;
}

/** Holds a replay against the host's log. */
export function compareWithLog(
  result: ReplayResult,
  observed: readonly ObservedEntry[],
  source: FrameSource,
): Comparison {
  const rulesOf = rulesByPrefix(result.replay.kernel.program.ruleset);
  const held = comparable(observed, (prefix) => rulesOf(prefix).length > 0);
  const { lines, losses } = fromEntries(held.entries, source.epoch);
  const comparison = compareLines({
    predicted: held.inItsWords(result.lines),
    observed: lines,
    losses,
    packets: result.replay.counts.frames,
    epoch: source.epoch,
    end: result.replay.lastTime,
    unseen: ({ text }) => result.replay.sight.whyUnseen(parse(text)),
    rulesOf,
  });
  return { ...comparison, assumptions: [...comparison.assumptions, ...held.said] };
}

/** A copy of sets as they are now, made anew each time it is asked for. */
export function keepSets(sets: IpSets): () => IpSets {
  const kept = copyOf(sets);
  return () => copyOf(kept);
}

function copyOf(sets: IpSets): IpSets {
  return new Map([...sets].map(([name, set]) => [name, set.copy()]));
}

export interface CausesOptions {
  readonly frames: RememberedFrames;
  readonly given: Given;
  /** The sets as they were before the first replay. */
  readonly sets: () => IpSets;
  readonly observed: readonly ObservedEntry[];
  /** Its differences are told which finding explains them. */
  readonly comparison: Comparison;
  readonly limits?: Partial<Limits>;
  readonly seed?: number;
  readonly device?: string;
}

/** Says what is different between what was given and the host, by replaying with it (src/explain/findings.ts). */
export async function causes({
  frames,
  given,
  sets,
  observed,
  comparison,
  limits,
  seed,
  device,
}: CausesOptions): Promise<Finding[]> {
  const { ruleset, host } = given;
  const world: World = { ruleset, host, sets };
  const writersOf = rulesByPrefix(ruleset);
  const held = comparable(observed, (prefix) => writersOf(prefix).length > 0);
  const replay: ReplayFrames = async (source, change, observer) => {
    const { sets: fresh, later, ...rest } = { ...world, ...change };
    let sent = 0;
    const sinks: ReplaySinks = { sent: () => sent++ };
    const inputs = { ...given, ...rest, sets: fresh() };
    const { lines, replay: done } = await runReplay(source, inputs, {
      observer,
      sinks,
      seed,
      device,
      later,
    });
    const { accounted, unexplained, frames: count } = done.counts;
    return {
      lines: held.inItsWords(lines),
      astray: Math.abs(sent - accounted) + unexplained,
      frames: count,
      rulesOf: rulesByPrefix({ tables: [...rest.ruleset.tables, ...(later?.ruleset.tables ?? [])] }),
      unseen: ({ text }) => done.sight.whyUnseen(parse(text)),
    };
  };
  const { findCauses } = await import('./explain/findings.js');
  const { lines, losses } = fromEntries(held.entries, frames.epoch);
  return findCauses({
    world,
    frames,
    replay,
    entries: held.entries,
    observed: lines,
    losses,
    comparison,
    limits,
  });
}

/** The rules that write a prefix; a test that is not modelled leaves it open when they do. */
export function rulesByPrefix(ruleset: Ruleset): (prefix: string) => readonly WritingRule[] {
  const byPrefix = new Map<string, Rule[]>();
  for (const { chains } of ruleset.tables)
    for (const { rules } of chains.values())
      for (const rule of rules)
        for (const prefix of logPrefixes(rule)) {
          const others = byPrefix.get(prefix);
          if (others) others.push(rule);
          else byPrefix.set(prefix, [rule]);
        }
  const isOpen = (rule: Rule): boolean =>
    rule.steps.some((step) =>
      step.kind === 'match'
        ? step.definition === unknownMatch
        : step.kind === 'statement' && step.statement.kind === 'unknown',
    );
  return (prefix) =>
    (byPrefix.get(prefix) ?? []).map((rule) => ({
      address: ruleAddress(rule),
      doubt: isOpen(rule) ? `${rule.text}: not known whether it matches` : null,
    }));
}
