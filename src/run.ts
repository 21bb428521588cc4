import type { FrameSource } from './capture/frame.js';
import type { RememberedFrames } from './capture/remember.js';
import { type Beside, watchBeside } from './compare/beside.js';
import { type Comparable, comparable } from './compare/comparable.js';
import { fromEntries } from './compare/entries.js';
import { compareLines } from './compare/compare.js';
import type { WritingRule } from './compare/pairs.js';
import type { Comparison } from './compare/result.js';
import type { PredictedLine } from './engine/events.js';
import { createLineTape } from './engine/lineTape.js';
import { Replay } from './engine/replay.js';
import type { Preparation, ReplayOptions } from './engine/replayOptions.js';
import type { Sinks } from './engine/world.js';
import type { ReplayWith } from './explain/why/why.js';
import type { Finding } from './explain/finding.js';
import type { Limits } from './explain/findings.js';
import type { World } from './explain/hypotheses/hypothesis.js';
import type { ReplayFrames } from './explain/hypotheses/trials.js';
import type { Given, GivenLogs, HostAfter, LogWriter } from './given.js';
import type { Host } from './host/host.js';
import { parse } from './klog/parse.js';
import type { Device } from './packet/device.js';
import { asUlogdTells } from './klog/ulogd.js';
import { type HeldLog, LogHolder } from './observed/heldLog.js';
import { readNflog } from './observed/nflog.js';
import { readLogBatches, type LogSource } from './observed/readLog.js';
import { CtState } from './rules/connection.js';
import { countingIn } from './rules/counting.js';
import { asksOwner, OWNER_ASSUMED } from './rules/owners.js';
import { HostClock } from './rules/jiffies.js';
import { groupMessages, logPrefixes } from './rules/logPrefix.js';
import { isIcmpError } from './packet/rewrite.js';
import { unknownMatch } from './rules/matches/unknown.js';
import { type Rule, ruleAddress, type Ruleset } from './rules/model.js';
import type { IpSets } from './rules/sets/set.js';
import { setView } from './rules/sets/view.js';
import { Diagnostics } from './source/diagnostic.js';
import type { Kept } from './source/tape.js';

/** A finished replay: the predicted lines, and the simulated kernel as it is at the last packet. */
export interface ReplayResult {
  readonly lines: Kept<PredictedLine>;
  readonly replay: Replay;
}

export interface ReplaySinks extends Partial<Omit<Sinks, 'line'>> {
  line?(line: PredictedLine): void;
}

export interface RunOptions extends Pick<
  ReplayOptions,
  'observer' | 'seed' | 'device' | 'admits' | 'prepares' | 'sight' | 'later' | 'share'
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
  const lines = createLineTape();
  const clock = new HostClock(source.epoch, given.host.bootTime);
  const { sinks = {}, keepsLines = true } = options;
  const { logs = KERNELS_LOG } = given;
  const replay = new Replay(
    {
      ruleset: given.ruleset,
      host: given.host,
      sets: setView(given.sets, clock),
      clock,
      observer: options.observer,
      seed: options.seed,
      device: options.device,
      admits: options.admits,
      prepares: options.prepares,
      sight: options.sight,
      later: options.later,
      share: options.share,
      sinks: {
        ...sinks,
        line: (line) => {
          if (keepsLines && logs.kernel) lines.push(inWordsOf(logs.kernel, line));
          sinks.line?.(line);
        },
        ...(logs.groups.size > 0 && {
          grouped(line: PredictedLine, group: number): void {
            if (!logs.groups.has(group)) return;
            if (keepsLines) lines.push(inWordsOf(logs.groupsBy, line));
            sinks.grouped?.(line, group);
          },
        }),
      },
    },
    source,
  );
  await replay.run();
  return { lines, replay };
}

const KERNELS_LOG: GivenLogs = { kernel: 'kernel', groups: new Set(), groupsBy: 'kernel' };

function inWordsOf(writer: LogWriter, line: PredictedLine): PredictedLine {
  if (writer === 'kernel') return line;
  const { time, frame, rule, level, prefix, text, doubt, uncaptured, guessed } = line;
  return { time, frame, rule, level, prefix, text: asUlogdTells(text), doubt, uncaptured, guessed };
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
export async function readLogs(sources: readonly LogSource[], diagnostics: Diagnostics): Promise<LogHolder> {
  const log = new LogHolder();
  for (const source of sources) {
    const take = log.begin(source.file);
    for await (const batch of readLogBatches(source, {}, diagnostics)) for (const entry of batch) take(entry);
  }
  return log;
}

/** Adds captures of NFLOG messages to the logs; what is wrong with them is in `diagnostics`. */
export async function readNflogs(
  files: readonly string[],
  host: Host,
  diagnostics: Diagnostics,
  log: LogHolder,
): Promise<void> {
  for (const file of files) {
    const take = log.begin(file, true);
    for await (const entry of readNflog(file, host, diagnostics)) take(entry);
  }
}

/** The host's log, and what is to be replayed to be held against it. */
export interface Sides {
  readonly given: Given;
  readonly log: Comparable;
}

/** Says which lines are to be predicted for these logs. */
export function sidesOf(given: Given, log: HeldLog): Sides {
  const held = comparable(log, given.ruleset, (index) => given.host.deviceByIndex(index)?.name);
  return { given: { ...given, logs: held.predicts }, log: held };
}

/** Holds a replay against the host's log. */
export function compareWithLog(result: ReplayResult, log: Comparable, source: FrameSource): Comparison {
  const rulesOf = rulesByPrefix(result.replay.kernel.program.ruleset, result.replay.gaps);
  const { files, losses } = fromEntries(log, source.epoch);
  const comparison = compareLines({
    predicted: result.lines,
    observed: files,
    losses,
    packets: result.replay.counts.frames,
    epoch: source.epoch,
    end: result.replay.lastTime,
    unseen: ({ text }) => result.replay.sight.whyUnseen(parse(text)),
    rulesOf,
  });
  return { ...comparison, assumptions: [...comparison.assumptions, ...log.said] };
}

export interface HostEvidence {
  readonly observed: HeldLog;
  /** What the host has when the capture ends; null where that is not told. */
  readonly after?: HostAfter | null;
}

/** Runs a capture, already opened, and holds it against all that is known of the host: log, packets sent, counters. */
export async function compareWithHost(
  source: FrameSource,
  given: Given,
  { observed, after = null }: HostEvidence,
  options: RunOptions = {},
): Promise<Sides & { comparison: Comparison }> {
  const sides = sidesOf(given, observed);
  const watch = watchBeside(after);
  const result = await runReplay(source, sides.given, { ...options, sinks: watch.sinks, sight: watch.sight });
  const beside = watch.read(result.replay, given.host.links);
  return { ...sides, comparison: withBeside(compareWithLog(result, sides.log, source), beside) };
}

/** The comparison with what differs beside the log. */
export function withBeside(comparison: Comparison, beside: Beside): Comparison {
  const { differences, unseen, untold, unshown } = beside;
  const notShown = `Nothing that left by ${unshown.slice(0, 3).join(', ')} was captured: whether packets left as predicted is not known.`;
  const leftOut = `Counters and connections of after/ were left out: ${unseen.slice(0, 3).join(', ')} ${unseen.length > 1 ? 'were' : 'was'} not captured.`;
  return {
    ...comparison,
    differences: [...comparison.differences, ...differences].sort((a, b) => a.time - b.time),
    listedUntil: Math.min(comparison.listedUntil, beside.listedUntil),
    assumptions: [
      ...comparison.assumptions,
      ...(unseen.length > 0 ? [leftOut] : []),
      ...(unshown.length > 0 ? [notShown] : []),
      ...(untold > 0 ? [`${untold} more packets that left otherwise than predicted are not listed.`] : []),
    ],
  };
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
  /** With the logs that lines are to be predicted for. */
  readonly given: Given;
  /** The sets as they were before the first replay. */
  readonly sets: () => IpSets;
  readonly log: Comparable;
  /** What the host has when the capture ends, where its counters and connections are to be explained as well. */
  readonly after?: HostAfter | null;
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
  after = null,
  log,
  comparison,
  limits,
  seed,
  device,
}: CausesOptions): Promise<Finding[]> {
  const { ruleset, host, untold } = given;
  const world: World = { ruleset, host, sets, untold };
  const replay: ReplayFrames = async (source, change, { observer, isWhole }) => {
    const { sets: fresh, later, ...rest } = { ...world, ...change };
    const sent = new Map<Device | null, number>();
    /** Frames of a packet that others follow: it was sent once. */
    let parts = 0;
    let answers = 0;
    /** The frame that was seen to leave last: where it is sent after that, the host made it by itself. */
    let last = 0;
    // Counters and connections are those of all packets.
    const watch = watchBeside(isWhole ? after : null);
    const sinks: ReplaySinks = {
      seen: (packet, device, isPredicted) => {
        if (isPredicted && packet.moreFragments) parts++;
        last = packet.frame;
        watch.sinks.seen?.(packet, device, isPredicted);
      },
      sent: (passage) => {
        // What the host was seen to answer to a packet that it never had, or had no reason to refuse.
        const { packet, state } = passage;
        sent.set(packet.out, (sent.get(packet.out) ?? 0) + 1);
        if (packet.frame === last && (state === CtState.invalid || isIcmpError(packet))) answers++;
        watch.sinks.sent(passage);
      },
    };
    const inputs = { ...given, ...rest, sets: fresh() };
    const { lines, replay: done } = await runReplay(source, inputs, {
      observer,
      sinks,
      sight: watch.sight,
      seed,
      device,
      later,
    });
    const { accounted, sent: own, unexplained, frames: count } = done.counts;
    const seen = own + accounted - parts;
    let shown = 0;
    for (const [device, packets] of sent) if (!device || watch.sight.showsLeaving(device)) shown += packets;
    return {
      lines: [...lines],
      astray: Math.abs(shown - seen) + unexplained + answers,
      beside: watch.read(done, inputs.host.links).differences,
      frames: count,
      rulesOf: rulesByPrefix(
        { tables: [...rest.ruleset.tables, ...(later?.ruleset.tables ?? [])] },
        done.gaps,
      ),
      unseen: ({ text }) => done.sight.whyUnseen(parse(text)),
    };
  };
  const { findCauses } = await import('./explain/findings.js');
  const { files, losses } = fromEntries(log, frames.epoch);
  return findCauses({
    world,
    frames,
    replay,
    entries: log.files,
    observed: files,
    losses,
    comparison,
    limits,
  });
}

/**
 * The rules that write a prefix; a test that is not modelled leaves it open when they do, and so does one that asks for
 * what the capture does not tell.
 * @param gaps it does not have all packets, to be counted; it does not tell whose some are
 */
export function rulesByPrefix(
  ruleset: Ruleset,
  gaps: Replay['gaps'] = { packets: false, owners: false },
): (prefix: string) => readonly WritingRule[] {
  const byPrefix = new Map<string, Rule[]>();
  for (const { chains } of ruleset.tables)
    for (const { rules } of chains.values())
      for (const rule of rules)
        for (const prefix of [...logPrefixes(rule), ...groupMessages(rule).map((m) => m.prefix)]) {
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
  const counts = ({ steps, chain }: Rule): boolean =>
    gaps.packets && steps.some((step) => countingIn(step, chain.table.nft) !== null);
  const doubtOf = (rule: Rule): string | null => {
    if (isOpen(rule)) return `${rule.text}: not known whether it matches`;
    if (gaps.owners && rule.steps.some(asksOwner)) return `${rule.text}: ${OWNER_ASSUMED}`;
    return counts(rule) ? `${rule.text}: it counts packets, and the capture does not have all of them` : null;
  };
  return (prefix) =>
    (byPrefix.get(prefix) ?? []).map((rule) => ({ address: ruleAddress(rule), doubt: doubtOf(rule) }));
}
