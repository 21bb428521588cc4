/** nfreplay as a library: the same jobs as the command line, typed. */
import type { FrameSource } from './capture/frame.js';
import { openCaptures } from './capture/open.js';
import type { Comparison } from './compare/result.js';
import type { PredictedLine } from './engine/events.js';
import type { ReplayCounts } from './engine/replayOptions.js';
import { conntrackText, nftText, saveText } from './engine/state.js';
import { findTarget, isProblem } from './explain/why/address.js';
import type { WhyResult } from './explain/result.js';
import { why as explain } from './explain/why/why.js';
import { type Given, loadAfter, loadGiven } from './given.js';
import type { AssumedHost } from './host/assume.js';
import { compareWithHost, readLogs, replayAgain, runReplay } from './run.js';
import { type Diagnostic, Diagnostics } from './source/diagnostic.js';

export type { AssumedHost } from './host/assume.js';
export type { Comparison, Difference, DifferenceKind, Summary } from './compare/result.js';
export { agrees } from './compare/result.js';
export type { PredictedLine } from './engine/events.js';
export type { ReplayCounts } from './engine/replayOptions.js';
export type { WhyResult } from './explain/result.js';
export { emit } from './klog/emit.js';
export { parse } from './klog/parse.js';
export type { LogRecord } from './klog/record.js';
export { comparisonText } from './report/text.js';
export { comparisonJson } from './report/json.js';
export { whyText } from './report/why.js';
export { type Diagnostic, formatDiagnostic } from './source/diagnostic.js';

/** What a replay needs. Without `host`, the members of AssumedHost tell what the host is like. */
export interface ReplayInput extends AssumedHost {
  /** Paths of pcap or pcapng files, plain, gzip or zstd. */
  readonly captures: readonly string[];
  /** A host snapshot (docs/cli.md). */
  readonly host?: string;
  /** Files of rules: iptables-save, ipset save, scripts of commands. */
  readonly rules?: readonly string[];
  /** Seeds the choices that nothing tells; 1 unless given. */
  readonly seed?: number;
}

export interface CompareInput extends ReplayInput {
  /** Paths of the host's kernel logs. */
  readonly logs: readonly string[];
}

/** A result, and what there is to say of the inputs. No input makes these functions throw. */
export interface Answer<Value> {
  /** null where an input could not be used; the diagnostics say why. */
  readonly value: Value | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** The simulated host after a replay. */
export interface Replayed {
  /** ns since 1970 of capture time 0, from which all times count. */
  readonly epoch: bigint;
  readonly lines: readonly PredictedLine[];
  readonly counts: ReplayCounts;
  /** The rules with their counters, as iptables-save -c and ip6tables-save -c print them. */
  readonly iptablesSave: string;
  readonly ip6tablesSave: string;
  /** The nft rules, sets and objects with their counters, as nft list ruleset prints them. */
  readonly nftRuleset: string;
  /** As conntrack -L -o extended prints it. */
  readonly conntrack: string;
  /** What the snapshot did not say and the result rests on, a sentence each. */
  readonly assumptions: readonly string[];
}

/** Runs captures through the simulated host. */
export async function replay(input: ReplayInput): Promise<Answer<Replayed>> {
  return using(input, async (source, given) => {
    const result = await runReplay(source, given, { seed: input.seed });
    const { counts, kernel, lastTime } = result.replay;
    return {
      epoch: source.epoch,
      lines: [...result.lines],
      counts,
      iptablesSave: saveText(kernel.program, 4),
      ip6tablesSave: saveText(kernel.program, 6),
      nftRuleset: nftText(kernel.program, lastTime),
      conntrack: conntrackText(kernel.tracker, lastTime),
      assumptions: assumptionsOf(given),
    };
  });
}

/** Runs captures through the simulated host, and holds its log lines against the host's. */
export async function compare(input: CompareInput): Promise<Answer<Comparison>> {
  return using(input, async (source, given, diagnostics) => {
    const logs = input.logs.map((file) => ({ file }));
    const observed = await readLogs(logs, diagnostics);
    if (diagnostics.hasErrors) return null;
    const after = input.host === undefined ? null : loadAfter(input.host);
    const { comparison } = await compareWithHost(source, given, { observed, after }, { seed: input.seed });
    return { ...comparison, assumptions: [...comparison.assumptions, ...assumptionsOf(given)] };
  });
}

/** Says why a rule fired or did not; `rule` as the command line addresses it: `filter:FORWARD:3`. */
export async function why(rule: string, input: ReplayInput): Promise<Answer<WhyResult>> {
  return using(input, async (source, given, diagnostics) => {
    await source.close();
    const target = findTarget(rule, given.ruleset);
    if (isProblem(target)) {
      diagnostics.error(target.message, { advice: target.suggestions.join('; ') });
      return null;
    }
    const again = replayAgain(() => openCaptures(input.captures), given, input.seed);
    return explain({ ruleset: given.ruleset, target, replay: again });
  });
}

async function using<Value>(
  input: ReplayInput,
  job: (source: FrameSource, given: Given, diagnostics: Diagnostics) => Promise<Value | null>,
): Promise<Answer<Value>> {
  const diagnostics = new Diagnostics();
  const given = loadGiven({ ...input, hostDir: input.host, rulesFiles: input.rules }, diagnostics);
  const source = openCaptures(input.captures);
  await source.open();
  const isUsable = given.unusable.length === 0 && source.errors.length === 0;
  // Errors in single rules are told and do not stop the job; what `job` adds does.
  const own = new Diagnostics();
  const value = isUsable ? await job(source, given, own) : null;
  for (const { file, message, advice } of source.errors) own.error(`${file}: ${message}`, { advice });
  for (const warning of source.warnings) own.warning(warning);
  await source.close();
  return { value, diagnostics: [...diagnostics.list, ...own.list] };
}

function assumptionsOf({ host }: Given): string[] {
  return host.assumptions.mattered.map((a) => a.text);
}
