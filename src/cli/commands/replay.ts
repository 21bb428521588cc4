import { remember, type RememberedFrames } from '../../capture/remember.js';
import { loadAfter } from '../../given.js';
import { modelCounters } from '../../frontend/iptables/print.js';
import { replayContents } from '../../report/html/contents.js';
import { JSON_VERSION, printJson } from '../../report/json.js';
import { replayText, type ReplaySummary, type RulesSummary } from '../../report/replaySummary.js';
import { type LogRow, logColumns } from '../../report/tables.js';
import { isoTime } from '../../report/time.js';
import { keepSets } from '../../run.js';
import { type Inputs, readInputs } from '../inputs.js';
import { Status } from '../io.js';
import type { ReplayOptions } from '../options.js';
import { whereReport } from '../outDir.js';
import { aboutInputs, printReport } from '../output.js';
import type { RuleRow } from '../../compare/ruleRows.js';
import { rulesSummary } from '../ruleRows.js';
import { eachOf, logRows, simulate, type Simulated } from '../simulate.js';
import type { Terminal } from '../terminal.js';

/** `nfreplay replay`: runs the captures through the simulated host and tells what it did. */
export async function replay(
  paths: readonly string[],
  options: ReplayOptions,
  terminal: Terminal,
): Promise<number> {
  const inputs = await readInputs(paths, options, terminal);
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
  const lines = logRows(simulated.result.lines);
  const assumptions = inputs.given.host.assumptions.mattered.map((a) => a.text);
  if (simulated.out) {
    await simulated.out.finish();
    const html = await page!.finish({
      simulated,
      contents: replayContents(summary, lines, epoch, assumptions),
      frames: source!,
      given: inputs.given,
      sets: sets!,
      seed: options.seed,
      about: aboutInputs(paths, options),
    });
    await simulated.out.text('report.html', html);
  }
  if (annotation) {
    await annotation.write(options.annotate!, source!, lines, []);
    if (source!.isCut)
      terminal.warn(`the capture is too long to keep: ${options.annotate} has its beginning`);
  }
  await printReport(
    {
      columns: logColumns(epoch),
      rows: () => lines,
      json: () => ({
        version: JSON_VERSION,
        summary: summaryJson(summary),
        lines: lines.map((line) => lineJson(line, epoch)),
        rules: simulated.rules(),
        assumptions,
      }),
      ndjson: () => ndjson(summary, lines, simulated.rules(), assumptions, epoch),
      text: () => replayText(summary, gained(inputs, simulated), assumptions, terminal),
    },
    options,
    terminal,
  );
  if (simulated.out) terminal.note(whereReport('the simulated host', simulated.out));
  return simulated.isCut ? Status.unusable : Status.done;
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
function gained({ given }: Inputs, { counters }: Simulated): RulesSummary {
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
  lines: readonly LogRow[],
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
