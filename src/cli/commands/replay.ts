import { remember, type RememberedFrames } from '../../capture/remember.js';
import { loadAfter } from '../../given.js';
import { type CounterOf, modelCounters } from '../../frontend/iptables/print.js';
import { replayContents } from '../../report/html/contents.js';
import { JSON_VERSION, printJson, rowsOf } from '../../report/json.js';
import { replayText, type ReplaySummary, type RulesSummary } from '../../report/replaySummary.js';
import { type LogRow, logColumns } from '../../report/tables.js';
import { isoTime } from '../../report/time.js';
import { keepSets } from '../../run.js';
import { type Inputs, readInputs } from '../inputs.js';
import { Status } from '../io.js';
import type { ReplayOptions } from '../options.js';
import { whereReport } from '../outDir.js';
import { aboutInputs, printReport } from '../output.js';
import { countersFrom, type RuleRow, ruleRows } from '../../compare/ruleRows.js';
import { createProgress } from '../progress.js';
import type { Jobs, Joined } from '../jobs/split.js';
import { rulesSummary } from '../ruleRows.js';
import { eachLogRow, eachOf, logRows, simulate, type Simulated } from '../simulate.js';
import type { Terminal } from '../terminal.js';

/** `nfreplay replay`: runs the captures through the simulated host and tells what it did. */
export async function replay(
  paths: readonly string[],
  options: ReplayOptions,
  terminal: Terminal,
): Promise<number> {
  const keepsLines = options.csv !== undefined || options.format !== 'text';
  const jobs = await jobsFor(paths, options, keepsLines, terminal);
  try {
    const inputs = await readInputs(paths, options, terminal);
    if (!jobs) return await replayWhole(inputs, paths, options, terminal);
    const progress = createProgress(() => performance.now());
    const { source } = inputs.captures;
    const joined = await jobs.run(inputs, (frames) =>
      terminal.progress(() => progress(frames, source.share ?? null)),
    );
    if (typeof joined !== 'string') {
      const isCut = inputs.captures.tell();
      if (joined.summary.frames === 0) terminal.warn('the capture has no packets');
      await report({ ...joined, inputs, isCut, rules: null }, options, terminal);
      return isCut ? Status.unusable : Status.done;
    }
    terminal.note(`not split: ${joined}`);
    await source.close();
    await jobs.end();
    return await replayWhole(await readAgain(paths, options, terminal), paths, options, terminal);
  } finally {
    await jobs?.end();
  }
}

/** Threads, where several are asked for and the command line does not keep them from it. */
async function jobsFor(
  paths: readonly string[],
  options: ReplayOptions,
  keepsLines: boolean,
  terminal: Terminal,
): Promise<Jobs | null> {
  if (options.jobs === 1) return null;
  const { startJobs, whyNotSplit } = await import('../jobs/split.js');
  const why = whyNotSplit(paths, options);
  if (why === null) return startJobs(paths, options, keepsLines);
  terminal.note(`not split: ${why}`);
  return null;
}

/** The inputs once more: what there is to say of them was said the first time. */
async function readAgain(
  paths: readonly string[],
  options: ReplayOptions,
  terminal: Terminal,
): Promise<Inputs> {
  let isRead = false;
  const inputs = await readInputs(paths, options, {
    ...terminal,
    tell: (diagnostics) => (isRead ? terminal.tell(diagnostics) : undefined),
    note: (message) => (isRead ? terminal.note(message) : undefined),
    warn: (message) => (isRead ? terminal.warn(message) : undefined),
  });
  isRead = true;
  return inputs;
}

async function replayWhole(
  inputs: Inputs,
  paths: readonly string[],
  options: ReplayOptions,
  terminal: Terminal,
): Promise<number> {
  const page = options.out === undefined ? null : (await import('../htmlReport.js')).createHtmlReport();
  const annotation =
    options.annotate === undefined ? null : (await import('../annotate.js')).createAnnotation();
  const sets = page && keepSets(inputs.given.sets);
  const source = page || annotation ? keepFrames(inputs, annotation !== null) : null;
  const simulated = await simulate(
    source ? { ...inputs, captures: { ...inputs.captures, source } } : inputs,
    {
      ...options,
      after: options.host === undefined ? null : loadAfter(options.host),
      onPacket: page || annotation ? eachOf(page, annotation) : undefined,
      keepsLines:
        page !== null || annotation !== null || options.csv !== undefined || options.format !== 'text',
    },
    terminal,
  );
  const { epoch } = inputs.captures.source;
  const summary = summarise(simulated);
  const lines = eachLogRow(simulated.result.lines);
  const assumptions = inputs.given.host.assumptions.mattered.map((a) => a.text);
  if (simulated.out) {
    await simulated.out.finish();
    const html = await page!.finish({
      simulated,
      contents: replayContents(summary, logRows(simulated.result.lines), epoch, assumptions),
      frames: source!,
      given: inputs.given,
      sets: sets!,
      seed: options.seed,
      about: aboutInputs(paths, options),
    });
    await simulated.out.text('report.html', html);
  }
  if (annotation) {
    await annotation.write(options.annotate!, source!, logRows(simulated.result.lines), []);
    if (source!.isCut)
      terminal.warn(`the capture is too long to keep: ${options.annotate} has its beginning`);
  }
  const { counters, rules, isCut } = simulated;
  await report({ inputs, summary, lines, assumptions, counters, rules, isCut }, options, terminal);
  if (simulated.out) terminal.note(whereReport('the simulated host', simulated.out));
  return simulated.isCut ? Status.unusable : Status.done;
}

/** What a replay came to, by whichever way. */
interface Outcome extends Omit<Joined, 'lines'> {
  /** Gone through as often as they are asked for. */
  readonly lines: Iterable<LogRow>;
  readonly inputs: Inputs;
  readonly isCut: boolean;
  /** null: not listed yet. */
  readonly rules: (() => readonly RuleRow[]) | null;
}

async function report(
  { inputs, summary, lines, counters, assumptions, ...rest }: Outcome,
  options: ReplayOptions,
  terminal: Terminal,
): Promise<void> {
  const { given, captures } = inputs;
  const { epoch } = captures.source;
  const listed = (): readonly RuleRow[] => {
    const after = options.host === undefined ? null : loadAfter(options.host);
    return [
      ...ruleRows(
        given.ruleset,
        counters,
        after?.ruleset ? countersFrom(given.ruleset, after.ruleset) : null,
      ),
    ];
  };
  const rules = rest.rules ?? listed;
  await printReport(
    {
      columns: logColumns(epoch),
      rows: () => lines,
      json: () => ({
        version: JSON_VERSION,
        summary: summaryJson(summary),
        lines: rowsOf(lines, (line) => lineJson(line, epoch)),
        rules: rules(),
        assumptions,
      }),
      ndjson: () => ndjson(summary, lines, rules(), assumptions, epoch),
      text: () => replayText(summary, gained(inputs, counters), assumptions, terminal),
    },
    options,
    terminal,
  );
}

/** What the page shows the ways of is among the first frames; annotated are all that can be kept. */
const PAGE_ROOM = { frames: 100_000, bytes: 32 * 1024 * 1024 } as const;

function keepFrames({ captures }: Inputs, all: boolean): RememberedFrames {
  return all ? remember(captures.source) : remember(captures.source, PAGE_ROOM);
}

function summarise({ result, verdicts, answers, lines }: Simulated): ReplaySummary {
  const { counts, kernel, lastTime } = result.replay;
  const { table } = kernel.tracker;
  table.collect(lastTime);
  return {
    ...counts,
    answers,
    verdicts,
    lines: lines.count,
    doubtful: lines.doubtful,
    connections: table.size,
  };
}

/** What the rules counted in this replay alone, chain by chain, and those of them that did. */
function gained({ given }: Inputs, counters: CounterOf): RulesSummary {
  return rulesSummary(given.ruleset, (of) => {
    const before = modelCounters(of);
    const { packets, bytes } = counters(of);
    return { packets: packets - before.packets, bytes: bytes - before.bytes };
  });
}

function summaryJson({ skipped, verdicts, ...counts }: ReplaySummary): object {
  return {
    ...counts,
    skipped: Object.fromEntries(skipped),
    verdicts: Object.fromEntries(verdicts),
  };
}

function lineJson({ time, frame, rule, level, text, doubt }: LogRow, epoch: bigint): object {
  return { time: isoTime(epoch, time), packet: frame === 0 ? null : frame, rule, level, text, doubt };
}

/** One object a line, each with its `type`: the summary, then log lines, rules and assumptions. */
function* ndjson(
  summary: ReplaySummary,
  lines: Iterable<LogRow>,
  rules: readonly RuleRow[],
  assumptions: readonly string[],
  epoch: bigint,
): Generator<string> {
  const line = (type: string, value: object): string => `${printJson({ type, ...value })}\n`;
  yield line('summary', { version: JSON_VERSION, ...summaryJson(summary) });
  for (const row of lines) yield line('line', lineJson(row, epoch));
  for (const row of rules) yield line('rule', row);
  for (const text of assumptions) yield line('assumption', { text });
}
