import { createWriteStream, type WriteStream } from 'node:fs';
import type { FrameSource } from '../../capture/frame.js';
import { cap } from '../../capture/live/cap.js';
import { type LiveFrames, liveFrames } from '../../capture/live/frames.js';
import type { LiveEngine, LiveLane } from '../../capture/live/lane.js';
import { watchLinks } from '../../capture/live/link.js';
import { hasTcpdump, tcpdump } from '../../capture/live/tcpdump.js';
import { Tap } from '../../capture/tap.js';
import { pcapngWriter } from '../../capture/write.js';
import { type Gap, whyMissed } from '../../compare/gaps.js';
import { createLiveComparison, type LiveComparison } from '../../compare/live.js';
import { agrees, type Comparison, type Difference } from '../../compare/result.js';
import {
  type FollowedLog,
  followFile,
  followJournal,
  followKmsg,
  hasJournal,
} from '../../observed/follow.js';
import { readLog } from '../../observed/readLog.js';
import { comparisonJson, comparisonNdjson, differenceJson, printJson } from '../../report/json.js';
import { differenceColumns } from '../../report/tables.js';
import { comparisonText, differenceText } from '../../report/text.js';
import { Sight } from '../../engine/evidence/sight.js';
import { parse } from '../../klog/parse.js';
import type { Finding } from '../../explain/finding.js';
import type { ObservedEntry } from '../../observed/entry.js';
import { rulesByPrefix } from '../../run.js';
import { Diagnostics } from '../../source/diagnostic.js';
import { readGiven, teller } from '../inputs.js';
import { keepForReport } from '../liveReport.js';
import { drained, Status, Unusable } from '../io.js';
import type { LiveOptions } from '../options.js';
import { whereReport } from '../outDir.js';
import { printReport } from '../output.js';
import { simulate } from '../simulate.js';
import type { Terminal } from '../terminal.js';

/** How often what has passed its window is decided, ms. */
const SETTLE_INTERVAL = 250;
/** tcpdump is asked for its counts every 2 s: how long before and after that packets may have been lost, ns. */
const TOLD_LATE = 3e9;
/** How long a capture may take to begin, ms. */
const PATIENCE = 10_000;

/** `nfreplay live`: captures here, follows this machine's log, and says differences as they come. */
export async function live(
  _args: readonly string[],
  options: LiveOptions,
  terminal: Terminal,
): Promise<number> {
  const given = readGiven(options, terminal);
  if (!given) throw new Unusable('');
  const log = openLog(options.log);
  const lanes = await startLanes(options, terminal).catch((error: unknown) => {
    log.close();
    throw error;
  });
  const frames = liveFrames(lanes);
  const written = options.write === undefined ? null : writeFrames(frames, options.write);
  const sight = new Sight();
  const lost: Gap[] = [];
  const gaps = (): readonly Gap[] => [
    ...lost,
    ...frames
      .interruptions()
      .map((gap) => ({ ...gap, reason: `${gap.interface} was not being captured then` })),
  ];
  const comparison = createLiveComparison({
    epoch: frames.epoch,
    tolerance: options.window * 1e9,
    rulesOf: rulesByPrefix(given.ruleset),
    unseen({ text }, time) {
      const record = parse(text);
      return sight.whyUnseen(record) ?? whyMissed(gaps(), record, time, options.window * 1e9);
    },
  });
  // What is kept is for the report alone: without one, memory does not grow with the capture.
  const kept = options.out === undefined ? null : keepForReport(given);
  const reading = followLog(log, frames.epoch, terminal, (entry, now) => {
    comparison.observed(entry, now);
    kept?.observed(entry);
  });
  const tell = teller(frames, terminal);
  const watched = watch({ frames, log, comparison, gaps: lost, tell }, options, terminal);
  const interrupted = onInterrupt(() => frames.stop());
  const limit =
    options.duration === undefined ? null : setTimeout(() => frames.stop(), options.duration * 1000);
  terminal.note(
    `capturing on ${options.interface.join(', ')}, following ${log.name}; Ctrl-C ends it with the summary`,
  );
  try {
    const source = kept?.remember(written?.source ?? frames) ?? written?.source ?? frames;
    const simulated = await simulate(
      { given, captures: { source, again: () => source, tell } },
      {
        ...options,
        sight,
        onPacket: kept ? (row) => kept.page.packet(row) : undefined,
        onPredicted(line) {
          comparison.predicted(line);
          kept?.predicted(line);
        },
        keepsLines: false,
      },
      terminal,
    );
    // Lines of the last packets may still be on their way.
    await new Promise((resolve) => setTimeout(resolve, Math.min(options.window, 1) * 1000));
    log.close();
    await reading;
    watched.stop();
    await written?.end();
    const { counts, lastTime } = simulated.result.replay;
    const held = comparison.result(lastTime, counts.frames);
    const dropped = frames.dropped() ?? 0;
    const assumed = [...held.assumptions, ...given.host.assumptions.mattered.map((a) => a.text)];
    if (dropped > 0)
      assumed.push(`The capture lost ${dropped} packets; what they would have logged is not known.`);
    const result: Comparison = { ...held, assumptions: assumed };
    const findings = kept ? await kept.finish(simulated, result, options) : [];
    await report(result, findings, options, terminal);
    if (simulated.out) terminal.note(whereReport('the report', simulated.out));
    if (simulated.isCut) return Status.unusable;
    return agrees(result) ? Status.done : Status.different;
  } finally {
    if (limit) clearTimeout(limit);
    interrupted.forget();
    watched.stop();
    log.close();
    frames.stop();
  }
}

function openLog(name: string | undefined): FollowedLog {
  const wanted = name ?? (hasJournal() ? 'journal' : 'dmesg');
  if (wanted === 'journal') return followJournal();
  try {
    return wanted === 'dmesg' || wanted === '/dev/kmsg' ? followKmsg() : followFile(wanted);
  } catch (error) {
    throw new Unusable(
      `the kernel's log cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      'Use sudo, or sysctl kernel.dmesg_restrict=0, or name a log that you may read with --log FILE.',
    );
  }
}

/** Starts every capture, and waits until it runs. @throws Unusable where one does not */
async function startLanes(options: LiveOptions, terminal: Terminal): Promise<LiveLane[]> {
  const { via, interface: devices, filter, snaplen, ring } = options;
  const any = devices.includes('any');
  const engine: LiveEngine = (via ?? (any && hasTcpdump() ? 'tcpdump' : 'cap')) === 'tcpdump' ? tcpdump : cap;
  if (any && engine === cap)
    throw new Unusable(
      'cap does not tell which interface a packet of -i any is of',
      'Install tcpdump and use --via tcpdump, or name the interfaces: -i eth0 -i docker0.',
    );
  if (engine === cap)
    terminal.note('cap gives no times of its own: packets have the time of their arrival here');
  const lanes = devices.map((device) =>
    engine(device, { filter, snaplen, ring: ring === undefined ? undefined : ring << 20 }),
  );
  const late = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), PATIENCE).unref());
  const wrong: string[] = [];
  const advice = new Set<string>();
  for (const lane of lanes) {
    const error = await Promise.race([lane.started, late]);
    if (error === null) continue;
    wrong.push(
      error === 'late'
        ? `${lane.interface}: the capture has not begun after ${PATIENCE / 1000} s`
        : `${error.file}: ${error.message}`,
    );
    if (error !== 'late' && error.advice)
      advice.add(`${error.advice[0].toUpperCase()}${error.advice.slice(1)}`);
  }
  if (wrong.length === 0) return lanes;
  for (const lane of lanes) lane.stop(false);
  throw new Unusable(wrong.join('; '), [...advice]);
}

async function followLog(
  log: FollowedLog,
  epoch: bigint,
  terminal: Terminal,
  take: (entry: ObservedEntry, now: number) => void,
): Promise<void> {
  const diagnostics = new Diagnostics();
  const now = (): number => Number(BigInt(Date.now()) * 1_000_000n - epoch);
  for await (const entry of readLog({ file: log.name, text: log.text }, {}, diagnostics)) take(entry, now());
  // That a log has no LOG line is no mistake here.
  for (const d of diagnostics.list) if (d.severity === 'error') terminal.warn(d.message);
}

/** What goes on while packets are captured. */
interface Running {
  readonly frames: LiveFrames;
  readonly log: FollowedLog;
  readonly comparison: LiveComparison;
  /** Gets the stretches in which packets were lost. */
  readonly gaps: Gap[];
  /** Says what is wrong with the capture. */
  readonly tell: () => boolean;
}

/** Decides what has passed its window, and says it; says what happens to the capture and the log. */
function watch(
  { frames, log, comparison, gaps, tell }: Running,
  options: LiveOptions,
  terminal: Terminal,
): { stop(): void } {
  const told = { dropped: 0, overruns: 0, ended: false };
  const changedLinks = watchLinks(options.interface);
  changedLinks();
  const look = (): void => {
    const { reached = 0 } = frames;
    for (const d of comparison.settle(reached - 2 * options.window * 1e9))
      say(d, frames.epoch, options, terminal);
    tell();
    for (const { name, isUp } of changedLinks())
      terminal.warn(isUp ? `${name} is up again` : `${name} is down: nothing is captured on it`);
    const dropped = frames.dropped() ?? 0;
    if (dropped > told.dropped) {
      terminal.warn(`the capture has lost ${dropped} packets: use --filter, or a larger --ring`);
      gaps.push({
        from: reached - TOLD_LATE,
        to: reached + TOLD_LATE,
        interface: null,
        reason: 'the capture lost packets then',
      });
    }
    const overruns = log.overruns();
    if (overruns > told.overruns) {
      terminal.warn('the kernel overwrote log lines before they could be read');
      comparison.lost(reached, 'the kernel overwrote lines before they were read');
    }
    const ended = log.ended();
    if (ended !== null && !told.ended) terminal.warn(`${log.name} is not followed any more: ${ended}`);
    Object.assign(told, { dropped, overruns, ended: ended !== null });
  };
  const timer = setInterval(look, SETTLE_INTERVAL);
  return {
    stop() {
      clearInterval(timer);
    },
  };
}

/** One difference as it comes; whoever asked for a table gets it in the end. */
function say(difference: Difference, epoch: bigint, { format }: LiveOptions, terminal: Terminal): void {
  if (format === 'ndjson')
    void terminal.print(`${printJson({ type: 'difference', ...differenceJson(difference, epoch) })}\n`);
  else if (format === 'text')
    void terminal.print(`${differenceText(difference, { color: terminal.color, width: terminal.width })}\n`);
}

/** The same frames, each written into a file before it is used. */
function writeFrames(source: FrameSource, path: string): { source: FrameSource; end(): Promise<void> } {
  const file: WriteStream = createWriteStream(path);
  let failed: Error | null = null;
  file.on('error', (error) => (failed = error));
  const pcapng = pcapngWriter('nfreplay', (block) => void file.write(block));
  const interfaces = new Map<string, number>();
  const kept = new Tap(
    source,
    ({ interface: name, linkType, bytes, originalLength, time, direction }) => {
      const key = `${linkType} ${name}`;
      let number = interfaces.get(key);
      if (number === undefined) interfaces.set(key, (number = pcapng.addInterface(name, linkType)));
      pcapng.addPacket({
        interface: number,
        time: source.epoch + BigInt(Math.round(time)),
        bytes,
        originalLength,
        direction,
      });
    },
    async () => drained(file),
  );
  return {
    source: kept,
    async end() {
      await new Promise<void>((resolve) => file.close(() => resolve()));
      if (failed) throw new Unusable(`cannot write ${path}: ${failed.message}`);
    },
  };
}

/** Once: ends in order. Twice: at once. */
function onInterrupt(stop: () => void): { forget(): void } {
  let asked = false;
  const handle = (): void => {
    if (asked) process.exit(Status.unusable);
    asked = true;
    stop();
  };
  process.on('SIGINT', handle).on('SIGTERM', handle);
  return { forget: () => void process.off('SIGINT', handle).off('SIGTERM', handle) };
}

async function report(
  result: Comparison,
  findings: readonly Finding[],
  options: LiveOptions,
  terminal: Terminal,
): Promise<void> {
  await printReport(
    {
      columns: differenceColumns(result.epoch),
      rows: () => result.differences,
      json: () => comparisonJson(result, findings),
      ndjson: () => comparisonNdjson({ ...result, differences: [] }, findings),
      text: () =>
        comparisonText(result, findings, {
          color: terminal.color,
          width: terminal.width,
          height: terminal.height,
          most: options.most,
        }),
    },
    options,
    terminal,
  );
}
