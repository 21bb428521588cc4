import { PassThrough, Writable } from 'node:stream';
import { whyWhole } from '../../../src/engine/share/inseparable.js';
import { countersOf } from '../../../src/engine/state.js';
import { runPart } from '../../../src/cli/jobs/part.js';
import { join } from '../../../src/cli/jobs/split.js';
import { type Inputs, readInputs } from '../../../src/cli/inputs.js';
import type { ReplayOptions } from '../../../src/cli/options.js';
import { logRows, simulate } from '../../../src/cli/simulate.js';
import { createTerminal } from '../../../src/cli/terminal.js';
import type { CounterOf } from '../../../src/frontend/iptables/print.js';
import type { LogRow } from '../../../src/report/tables.js';

/** What a replay came to, to be held against another. */
export interface Told {
  readonly summary: unknown;
  readonly lines: readonly LogRow[];
  readonly counted: readonly number[];
  readonly assumptions: readonly string[];
}

const silence = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });
const terminal = createTerminal(
  { stdin: new PassThrough().end(), stdout: silence(), stderr: silence(), env: {} },
  { quiet: true },
);

export type Given = Pick<ReplayOptions, 'host' | 'rules' | 'addr' | 'interface'>;

const read = (paths: readonly string[], given: Given): Promise<Inputs> => readInputs(paths, given, terminal);

/** One replay of everything. */
export async function whole(paths: readonly string[], given: Given): Promise<Told> {
  const inputs = await read(paths, given);
  const { result, verdicts, answers, lines, counters } = await simulate(inputs, {}, terminal);
  const { counts, kernel, lastTime } = result.replay;
  kernel.tracker.table.collect(lastTime);
  const summary = {
    ...{ ...counts, answers, lines: lines.count, doubtful: lines.doubtful },
    skipped: [...counts.skipped],
    verdicts: [...verdicts],
    connections: kernel.tracker.table.size,
  };
  const assumptions = inputs.given.host.assumptions.mattered.map((a) => a.text);
  return {
    summary,
    lines: logRows(result.lines),
    counted: countedBy(counters ?? countersOf(kernel.program), inputs),
    assumptions,
  };
}

/** The same in shares, one after the other; a sentence: why not. */
export async function inParts(paths: readonly string[], given: Given, count: number): Promise<Told | string> {
  const runs: { readonly inputs: Inputs; readonly ran: Awaited<ReturnType<typeof runPart>> }[] = [];
  for (let index = 0; index < count; index++) {
    const inputs = await read(paths, given);
    const why = whyWhole(inputs.given.ruleset, inputs.given.sets);
    if (why !== null) {
      await inputs.captures.source.close();
      return why;
    }
    const ran = await runPart(inputs, index, count, { keepsLines: true });
    if (ran.refusal !== null) return ran.refusal;
    runs.push({ inputs, ran });
  }
  const { time } = runs.map(({ ran }) => ran.last).reduce((a, b) => (b.frame > a.frame ? b : a));
  const [{ inputs }] = runs;
  const joined = join(
    runs.map(({ ran }) => structuredClone(ran.finish(time))),
    inputs,
  );
  if (typeof joined === 'string') return joined;
  const { summary, lines, counters, assumptions } = joined;
  return {
    summary: { ...summary, skipped: [...summary.skipped], verdicts: [...summary.verdicts] },
    lines,
    counted: countedBy(counters, inputs),
    assumptions,
  };
}

function countedBy(counters: CounterOf, { given }: Inputs): number[] {
  const all: number[] = [];
  for (const { chains } of given.ruleset.tables)
    for (const chain of chains.values()) {
      if (chain.base) all.push(counters(chain).packets, counters(chain).bytes);
      for (const rule of chain.rules) all.push(counters(rule).packets, counters(rule).bytes);
    }
  return all;
}
