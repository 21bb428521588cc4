import { watchBeside } from '../../compare/beside.js';
import type { Comparison } from '../../compare/result.js';
import { agrees, isOfLog } from '../../compare/result.js';
import type { Finding } from '../../explain/finding.js';
import { comparisonJson, comparisonNdjson, printJson } from '../../report/json.js';
import { comparisonContents } from '../../report/html/contents.js';
import { differenceColumns } from '../../report/tables.js';
import { comparisonText } from '../../report/text.js';
import { NO_ROOM, remember, type RememberedFrames } from '../../capture/remember.js';
import { type HostAfter, loadAfter } from '../../given.js';
import type { IpSets } from '../../rules/sets/set.js';
import { isCaptured } from '../../observed/nflog.js';
import { causes, compareWithLog, keepSets, readLogs, readNflogs, sidesOf, withBeside } from '../../run.js';
import { Diagnostics } from '../../source/diagnostic.js';
import type { Comparable } from '../../compare/comparable.js';
import type { HeldLog, LogHolder } from '../../observed/heldLog.js';
import { type Inputs, logSource, readInputs } from '../inputs.js';
import { Status, Unusable } from '../io.js';
import type { CompareOptions } from '../options.js';
import { whereReport } from '../outDir.js';
import { aboutInputs, printReport } from '../output.js';
import { eachOf, logRows, simulate, type Simulated } from '../simulate.js';
import type { Terminal } from '../terminal.js';

/** `nfreplay compare`: runs the captures through the simulated host and holds its log against the host's. */
export async function compare(
  paths: readonly string[],
  options: CompareOptions,
  terminal: Terminal,
): Promise<number> {
  // The same file twice is the same log.
  const log = [...new Set(options.log)];
  if (log.length === 0)
    throw new Unusable('no --log is given: there is nothing to compare with', 'replay needs none.');
  if (log.includes('-') && paths.includes('-')) throw new Unusable('standard input can be read only once');
  const messages = log.filter(isCaptured);
  const texts = log.filter((file) => !messages.includes(file));
  const told = await readObserved(texts, terminal);
  const inputs = await readInputs(paths, options, terminal);
  const observed = await withMessages(told, messages, inputs, terminal);
  return compareWith({ inputs, observed, about: aboutInputs(paths, options) }, options, terminal);
}

/** What is held against each other. */
export interface Sides {
  readonly inputs: Inputs;
  readonly observed: Observed;
  /** What the report rests on. */
  readonly about: readonly string[];
  /** What else is known of the host. */
  readonly beside?: Beside;
}

interface Observed {
  readonly log: HeldLog;
  readonly isEmpty: boolean;
}

/** A further comparison, shown behind that of the log lines. */
export interface Beside {
  readonly agrees: boolean;
  /** Members of the JSON object; in NDJSON, an object with its type each. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Simulates, holds the log against the host's, and reports; the exit status. */
export async function compareWith(
  { inputs: { given: host, captures }, observed, about, beside }: Sides,
  options: Omit<CompareOptions, 'log' | 'rules'>,
  terminal: Terminal,
): Promise<number> {
  const { given, log } = sidesOf(host, observed.log);
  const sets = keepSets(given.sets);
  const page = options.out === undefined ? null : (await import('../htmlReport.js')).createHtmlReport();
  const annotation =
    options.annotate === undefined ? null : (await import('../annotate.js')).createAnnotation();
  const after = options.host === undefined ? null : loadAfter(options.host);
  const watch = watchBeside(after);
  const isReadAgain = options.search > 0 || page !== null || annotation !== null;
  const source = remember(captures.source, isReadAgain ? undefined : NO_ROOM);
  const simulated = await simulate(
    { given, captures: { ...captures, source } },
    {
      ...options,
      after,
      beside: watch,
      onPacket: page || annotation ? eachOf(page, annotation) : undefined,
    },
    terminal,
  );
  const { result } = simulated;
  if (observed.isEmpty && result.lines.length > 0) {
    await simulated.out?.finish();
    throw new Unusable(
      `the log is empty: there is nothing to hold the ${result.lines.length} predicted lines against`,
      'Was it written by root, on the host, while the capture ran?',
    );
  }
  const held = withBeside(compareWithLog(result, log, source), watch.read(result.replay, given.host.links));
  const assumed = given.host.assumptions.mattered.map((a) => a.text);
  const comparison: Comparison = {
    ...held,
    assumptions: [...notKept(held), ...held.assumptions, ...assumed],
  };
  const findings =
    !isWorthExplaining(comparison, observed.log) || options.search === 0
      ? []
      : await explain(source, log, { given, sets, after }, comparison, options, terminal);

  if (simulated.out) {
    await simulated.out.finish();
    const { writeComparison } = await import('../../report/write.js');
    await writeComparison(simulated.out.path, comparison, findings).catch((error: Error) => {
      throw new Unusable(`cannot write ${simulated.out!.path}: ${error.message}`);
    });
    const { seed } = options;
    const lines = logRows(result.lines, MOST_PAGE_LINES);
    const html = await page!.finish({
      simulated,
      contents: comparisonContents(comparison, findings, lines),
      frames: source,
      given,
      sets,
      seed,
      about,
    });
    await simulated.out.text('report.html', html);
  }
  if (annotation) {
    const { differences } = comparison;
    await annotation.write(options.annotate!, source, logRows(result.lines), differences);
    if (source.isCut) terminal.warn(`the capture is too long to keep: ${options.annotate} has its beginning`);
  }
  tellOfFrames(simulated, terminal);
  await printReport(
    {
      columns: differenceColumns(comparison.epoch),
      rows: () => comparison.differences,
      json: () => ({ ...comparisonJson(comparison, findings), ...beside?.json }),
      ndjson: function* () {
        yield* comparisonNdjson(comparison, findings);
        for (const [type, value] of Object.entries(beside?.json ?? {}))
          yield `${printJson({ type, ...(value as object) })}\n`;
      },
      text: () =>
        comparisonText(comparison, findings, {
          color: terminal.color,
          width: terminal.width,
          height: terminal.height,
          most: options.most,
        }) + (beside?.text ?? ''),
    },
    options,
    terminal,
  );
  if (simulated.out) terminal.note(whereReport('the report', simulated.out));
  if (simulated.isCut) return Status.unusable;
  return agrees(comparison) && beside?.agrees !== false ? Status.done : Status.different;
}

/** Says that not all differences are listed. */
function notKept({ differences, summary, aside }: Comparison): string[] {
  const { onlySimulated, onlyHost, suppressed } = summary;
  const all = onlySimulated + onlyHost + suppressed + aside.undecidable + aside.notCaptured;
  const listed = differences.filter((d) => isOfLog(d) && d.kind !== 'field').length;
  return all > listed
    ? [`Only the first ${listed} of ${all} differences of log lines are listed; the counts are of all.`]
    : [];
}

/** Predicted lines that the page has room for, at most. */
const MOST_PAGE_LINES = 100_000;

/** There are differences, or a wall clock that may be off. */
function isWorthExplaining({ differences }: Comparison, { hasWall }: HeldLog): boolean {
  return differences.length > 0 || hasWall;
}

async function explain(
  frames: RememberedFrames,
  log: Comparable,
  { given, sets, after }: Pick<Inputs, 'given'> & { sets: () => IpSets; after: HostAfter | null },
  comparison: Comparison,
  { seed, search }: Pick<CompareOptions, 'seed' | 'search'>,
  terminal: Terminal,
): Promise<readonly Finding[]> {
  const end = performance.now() + search * 1000;
  let isCut = false;
  const limits = {
    isOver: () => (isCut ||= performance.now() > end),
    tried: (count: number) =>
      terminal.progress(() => `looking for causes: ${count.toLocaleString('en')} tried`),
  };
  const findings = await causes({ frames, given, sets, after, log, comparison, limits, seed });
  if (isCut) terminal.note(`after ${search} s no more causes were tried: --search gives more time`);
  return findings;
}

async function readObserved(
  files: readonly string[],
  terminal: Terminal,
): Promise<Observed & { readonly log: LogHolder }> {
  const diagnostics = new Diagnostics();
  const log = await readLogs(
    files.map((file) => logSource(file, terminal)),
    diagnostics,
  );
  terminal.tell(diagnostics);
  if (diagnostics.hasErrors) throw new Unusable('');
  const empty = diagnostics.list.filter((d) => d.message.endsWith('is empty'));
  return { log, isEmpty: empty.length === files.length };
}

/** Adds what was captured of NFLOG. */
async function withMessages(
  { log, isEmpty }: Observed & { readonly log: LogHolder },
  files: readonly string[],
  { given, captures }: Inputs,
  terminal: Terminal,
): Promise<Observed> {
  if (files.length === 0) return { log, isEmpty };
  const diagnostics = new Diagnostics();
  await readNflogs(files, given.host, diagnostics, log);
  terminal.tell(diagnostics);
  if (diagnostics.hasErrors) {
    await captures.source.close();
    throw new Unusable('');
  }
  const captured = log.files.filter(({ groups }) => groups);
  return { log, isEmpty: isEmpty && captured.every(({ lines }) => lines.length === 0) };
}

/** Says which frames had no part in the comparison. */
function tellOfFrames({ result }: Simulated, terminal: Terminal): void {
  const { skipped, unexplained } = result.replay.counts;
  const reasons = [...skipped].map(([reason, n]) => `${n} ${reason}`);
  if (reasons.length > 0) terminal.note(`frames that are no packets to replay: ${reasons.join(', ')}`);
  if (unexplained > 0)
    terminal.note(
      `${unexplained} ${unexplained === 1 ? 'packet was' : 'packets were'} seen leaving that nothing explains`,
    );
}
