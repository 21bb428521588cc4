import type { Frame, FrameSource } from '../capture/frame.js';
import { LinkType } from '../capture/frame.js';
import { packetRow } from '../capture/list.js';
import { Tap } from '../capture/tap.js';
import { pcapngWriter } from '../capture/write.js';
import type { PredictedLine } from '../engine/events.js';
import { nftTraceWriter } from '../engine/nftTrace.js';
import type { Passage } from '../engine/passage.js';
import type { Sight } from '../engine/evidence/sight.js';
import {
  conntrackEvent,
  conntrackText,
  countersOf,
  dmesgLine,
  isWritten,
  nftText,
  saveText,
} from '../engine/state.js';
import { printIpsetSave } from '../frontend/ipset/print.js';
import type { CounterOf } from '../frontend/iptables/print.js';
import { logColumns, type LogRow, ruleColumns, verdictColumns, type VerdictRow } from '../report/tables.js';
import { ruleAddress } from '../rules/model.js';
import { type ReplayResult, type ReplaySinks, runReplay } from '../run.js';
import type { BesideWatch } from '../compare/beside.js';
import { countersFrom, type RuleRow, ruleRows } from '../compare/ruleRows.js';
import type { HostAfter } from '../given.js';
import type { Inputs } from './inputs.js';
import { openOutDir, type OutDir } from './outDir.js';
import { type OutcomeWatch, type PacketOutcome, watchOutcomes } from './outcomes.js';
import { createProgress } from './progress.js';
import type { Terminal } from './terminal.js';

/** A replay that has run, and what was counted beside it. */
export interface Simulated {
  readonly result: ReplayResult;
  /** The packets of the capture by what became of them. */
  readonly verdicts: ReadonlyMap<string, number>;
  /** Packets that the simulated host made in answer. */
  readonly answers: number;
  /** The predicted lines, and those that are in doubt. */
  readonly lines: { readonly count: number; readonly doubtful: number };
  readonly counters: CounterOf;
  /** Every rule with what it has counted. */
  readonly rules: () => readonly RuleRow[];
  /** A capture could not be read to its end. */
  readonly isCut: boolean;
  /** The report's directory, its files still to be finished. */
  readonly out: OutDir | null;
}

export interface SimulateOptions {
  /** What the host has when the capture ends. */
  readonly after?: HostAfter | null;
  readonly out?: string;
  readonly seed?: number;
  /** Gets to know what the capture shows; `beside` has its own. */
  readonly sight?: Sight;
  /** Is shown what the replay does beside its log. */
  readonly beside?: BesideWatch;
  /** Is told of each packet of the capture, and what became of it. */
  readonly onPacket?: (row: VerdictRow) => void;
  /** Gets the predicted lines as they come. */
  readonly onPredicted?: (line: PredictedLine) => void;
  /** false: the result does not keep the predicted lines. */
  readonly keepsLines?: boolean;
}

/** Tells each of them of every packet. */
export function eachOf(
  ...takers: readonly ({ packet(row: VerdictRow): void } | null)[]
): (row: VerdictRow) => void {
  const all = takers.filter((taker) => taker !== null);
  return (row) => {
    for (const taker of all) taker.packet(row);
  };
}

/** Runs the capture through the simulated host, and writes what that host has to show. */
export async function simulate(
  { given, captures }: Inputs,
  options: SimulateOptions,
  terminal: Terminal,
): Promise<Simulated> {
  const { source } = captures;
  const out = options.out === undefined ? null : await openOutDir(options.out);
  const verdicts = new Map<string, { count: number }>();
  const nameOf = (index: number): string | undefined => given.host.deviceByIndex(index)?.name;
  const { onPacket } = options;
  const table = out?.table<VerdictRow>('packets.csv', verdictColumns(source.epoch));
  const push = (row: VerdictRow): void => {
    table?.(row);
    onPacket?.(row);
  };
  const rows = table || onPacket ? packetTable(push, source, nameOf) : null;
  let answers = 0;
  const watch = watchOutcomes(
    (frame, outcome, isFirst) => {
      if (!isFirst) {
        answers++;
        return;
      }
      const tally = verdicts.get(outcome.verdict);
      if (tally) tally.count++;
      else verdicts.set(outcome.verdict, { count: 1 });
      rows?.ended(frame, outcome);
    },
    out !== null,
    rows !== null,
  );
  const lines = { count: 0, doubtful: 0 };
  const onLine = (line: PredictedLine): void => {
    lines.count++;
    if (line.doubt !== null) lines.doubtful++;
    rows?.line(line);
    options.onPredicted?.(line);
  };
  const { beside, after } = options;
  const files: ReplaySinks = out ? fileSinks(out, source, watch, onLine) : { line: onLine };
  const sinks: ReplaySinks = beside
    ? {
        ...files,
        seen: beside.sinks.seen,
        sent: (passage) => {
          beside.sinks.sent(passage);
          files.sent?.(passage);
        },
      }
    : files;
  let frames = 0;
  const progress = createProgress(() => performance.now());
  const tapped = new Tap(
    source,
    (frame) => {
      frames++;
      rows?.frame(frame);
    },
    async () => {
      terminal.progress(() => progress(frames, source.share ?? null));
      await out?.drained();
    },
  );
  const result = await runReplay(tapped, given, {
    observer: watch.observer,
    sinks,
    keepsLines: options.keepsLines,
    seed: options.seed,
    sight: beside?.sight ?? options.sight,
  });
  rows?.end();
  const isCut = captures.tell();
  if (frames === 0) terminal.warn('the capture has no packets');
  const { program, tracker } = result.replay.kernel;
  const counters = countersOf(program);
  const theirs = after?.ruleset ? countersFrom(given.ruleset, after.ruleset) : null;
  let listed: readonly RuleRow[] | null = null;
  const rules = (): readonly RuleRow[] => (listed ??= [...ruleRows(given.ruleset, counters, theirs)]);
  if (out) {
    for (const version of [4, 6] as const)
      await out.text(`${version === 4 ? 'iptables' : 'ip6tables'}-save.txt`, saveText(program, version));
    if (program.running.size > 0) await out.text('nft-ruleset.nft', nftText(program, result.replay.lastTime));
    await out.text('conntrack.txt', conntrackText(tracker, result.replay.lastTime));
    if (given.sets.size > 0)
      await out.text('ipset-save.txt', printIpsetSave(given.sets, result.replay.lastTime));
    const ruleTable = out.table('rules.csv', ruleColumns);
    for (const row of rules()) ruleTable(row);
  }
  return {
    result,
    verdicts: new Map([...verdicts].map(([verdict, { count }]) => [verdict, count])),
    answers,
    lines,
    counters,
    rules,
    isCut,
    out,
  };
}

/**
 * The engine looks a few frames ahead; a row is written when no more can be said of its frame: soon after the packet's way
 * has ended, or, where it has not (a fragment, what was seen leaving), after so many frames.
 */
const SOON = 512;
const ROWS_AHEAD = 4096;

/** Frames as they come in, each with what became of it a little later. */
function packetTable(
  push: (row: VerdictRow) => void,
  source: FrameSource,
  nameOf: (index: number) => string | undefined,
) {
  type Row = { -readonly [K in keyof VerdictRow]: VerdictRow[K] };
  const waiting = new Map<number, Row>();
  /** The frame whose row is to be written next. */
  let next = 1;
  const pushUntil = (number: number): void => {
    for (; next < number - SOON; next++) {
      const row = waiting.get(next);
      if (!row) continue;
      if (row.verdict === '' && next >= number - ROWS_AHEAD) return;
      push(row);
      waiting.delete(next);
    }
  };
  return {
    frame(frame: Frame): void {
      const { family, ...row } = packetRow(frame, source.epoch, nameOf);
      waiting.set(frame.number, {
        ...row,
        family: family === 4 ? '4' : family === 6 ? '6' : family,
        time: frame.time,
        verdict: '',
        rule: '',
        nat: '',
        logs: 0,
      });
      pushUntil(frame.number);
    },
    ended(frame: number, { verdict, rule, nat }: PacketOutcome): void {
      const row = waiting.get(frame);
      if (row) Object.assign(row, { verdict, rule, nat });
    },
    line({ frame }: PredictedLine): void {
      const row = waiting.get(frame);
      if (row) row.logs++;
    },
    end(): void {
      for (const row of waiting.values()) push(row);
    },
  };
}

/** The files that grow while the replay runs; who feeds it waits for them between the frames (`OutDir.drained`). */
function fileSinks(
  out: OutDir,
  source: FrameSource,
  watch: OutcomeWatch,
  onLine: (line: PredictedLine) => void,
): ReplaySinks {
  const log = out.stream<string>('kernel.log');
  const events = out.stream<string>('conntrack-events.txt');
  const pcapng = pcapngWriter('nfreplay', out.stream<Uint8Array>('egress.pcapng'));
  const interfaces = new Map<string, number>();
  const logTable = out.table<LogRow>('logs.csv', logColumns(source.epoch));
  const traceText = nftTraceWriter();
  let trace: ((text: string) => void) | null = null;
  return {
    line(line) {
      onLine(line);
      if (isWritten(line)) log(dmesgLine(line));
      logTable(logRow(line));
    },
    traced: (step) => (trace ??= out.stream<string>('nft-trace.txt'))(traceText(step)),
    created: (entry, now) => events(`${conntrackEvent('NEW', entry, now)}\n`),
    updated: (entry, changes, now) => events(`${conntrackEvent('UPDATE', entry, now, changes)}\n`),
    destroyed: (entry, now) => events(`${conntrackEvent('DESTROY', entry, now)}\n`),
    sent(passage) {
      const { packet } = passage;
      const name = packet.out?.name ?? '';
      let number = interfaces.get(name);
      if (number === undefined) interfaces.set(name, (number = pcapng.addInterface(name, LinkType.raw)));
      pcapng.addPacket({
        interface: number,
        time: source.epoch + BigInt(Math.round(packet.time)),
        bytes: packet.data,
        originalLength: Math.max(packet.length, packet.data.length),
        direction: 'out',
        comment: egressComment(passage, watch),
      });
    },
  };
}

/** Rules that one comment names: a comment in pcapng has at most 65,535 bytes. */
const MOST_HITS = 200;

function egressComment(passage: Passage, watch: OutcomeWatch): string {
  const hits = watch.hits(passage).slice(0, MOST_HITS).map(ruleAddress);
  const cause = passage.packet.frame > 0 ? `, frame ${passage.packet.frame} of the capture` : '';
  return `ACCEPT${cause}\nrules: ${hits.length > 0 ? hits.join(' ') : 'none'}`;
}

/** Rows of predicted lines; the first of them where only so many are wanted. */
export function logRows(lines: Iterable<PredictedLine>, most = Infinity): LogRow[] {
  const rows: LogRow[] = [];
  for (const line of lines) {
    if (rows.length >= most) break;
    rows.push(logRow(line));
  }
  return rows;
}

/** The same, made as they are asked for. */
export function eachLogRow(lines: Iterable<PredictedLine>): Iterable<LogRow> {
  return {
    *[Symbol.iterator]() {
      for (const line of lines) yield logRow(line);
    },
  };
}

export function logRow({ time, frame, rule, level, text, doubt }: PredictedLine): LogRow {
  return { time, frame, rule: rule && ruleAddress(rule), level, text, doubt };
}
