import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { whyNotAlike, whyWhole } from '../../engine/share/inseparable.js';
import { compile } from '../../engine/walk/program.js';
import { NamedTables } from '../../engine/walk/shared.js';
import type { CounterOf } from '../../frontend/iptables/print.js';
import type { ReplaySummary } from '../../report/replaySummary.js';
import type { LogRow } from '../../report/tables.js';
import type { Chain, Rule } from '../../rules/model.js';
import type { Inputs } from '../inputs.js';
import type { ReplayOptions } from '../options.js';
import { COUNTS, type Kind, type Part, type Ran, runPart } from './part.js';

export interface WorkerTask {
  readonly paths: readonly string[];
  readonly options: ReplayOptions;
  readonly index: number;
  readonly count: number;
  readonly keepsLines: boolean;
}

export type ToWorker = { readonly kind: 'run' } | { readonly kind: 'finish'; readonly now: number };
export type FromWorker =
  ({ readonly kind: 'ran' } & Pick<Ran, 'refusal' | 'last'>) | { readonly kind: 'part'; readonly part: Part };

/** What all shares came to, as one replay would have. */
export interface Joined {
  readonly summary: ReplaySummary;
  readonly lines: readonly LogRow[];
  readonly counters: CounterOf;
  readonly assumptions: readonly string[];
}

/** Threads that read the same inputs, and wait to be told to run. */
export interface Jobs {
  /** The shares of all threads joined; a sentence: why not. */
  run(inputs: Inputs, progress: (frames: number) => void): Promise<Joined | string>;
  end(): Promise<void>;
}

/** Why this cannot be split, as far as the command line tells; null: it may. */
export function whyNotSplit(paths: readonly string[], options: ReplayOptions): string | null {
  if (options.out !== undefined) return '--out writes files in the order of all packets';
  if (options.annotate !== undefined) return '--annotate writes the packets in their order';
  const files = [...paths, ...(options.in ?? []), ...(options.egress ?? [])];
  const other = files.find((text) => {
    const path = paths.includes(text) ? text : text.slice(text.indexOf('=') + 1);
    return path === '-' || statSync(path, { throwIfNoEntry: false })?.isFile() !== true;
  });
  if (other !== undefined) return `${other} can be read only once`;
  return [...(options.rules ?? [])].includes('-') ? 'standard input can be read only once' : null;
}

/** Starts the threads, which read the inputs while this one does. */
export function startJobs(paths: readonly string[], options: ReplayOptions, keepsLines: boolean): Jobs {
  const count = options.jobs;
  const workers = Array.from({ length: count - 1 }, (_, i) => {
    const workerData: WorkerTask = { paths, options: plain(options), index: i + 1, count, keepsLines };
    return createMailbox(new Worker(new URL('./worker.js', import.meta.url), { workerData }));
  });
  return {
    async run(inputs, progress) {
      const { given } = inputs;
      const why = whyWhole(given.ruleset, given.sets);
      if (why !== null) return why;
      let stop: (why: string) => void = () => undefined;
      const running = workers.map(async (worker) => {
        const ran = await worker.ask({ kind: 'run' }, 'ran');
        if (ran.refusal !== null) stop(ran.refusal);
        return ran;
      });
      // Where this thread gives up, theirs are ended, and nobody waits for them.
      for (const one of running) one.catch(() => undefined);
      const { seed } = options;
      const own = await runPart(inputs, 0, count, { seed, keepsLines, progress }, (share) => {
        stop = (why) => share.refuse(why);
      });
      if (own.refusal !== null) return own.refusal;
      const all = [own, ...(await Promise.all(running))];
      const refusal = all.find((one) => one.refusal !== null)?.refusal;
      if (typeof refusal === 'string') return refusal;
      const { time: now } = all.reduce((a, b) => (b.last.frame > a.last.frame ? b : a)).last;
      const parts = [own.finish(now)];
      for (const worker of workers) parts.push((await worker.ask({ kind: 'finish', now }, 'part')).part);
      return join(parts, inputs);
    },
    async end() {
      await Promise.all(workers.map((worker) => worker.end()));
    },
  };
}

/** What can be sent to a thread. */
function plain(options: ReplayOptions): ReplayOptions {
  return JSON.parse(JSON.stringify(options)) as ReplayOptions;
}

/** One question to a thread at a time; a thread that fails fails the question. */
function createMailbox(worker: Worker) {
  let failed: Error | null = null;
  let waiting: { done(message: FromWorker): void; fail(error: Error): void } | null = null;
  const fail = (error: Error): void => {
    failed ??= error;
    waiting?.fail(error);
  };
  worker.on('message', (message: FromWorker) => waiting?.done(message));
  worker.on('error', fail);
  worker.on('exit', (code) => fail(new Error(`a thread ended with ${code}`)));
  return {
    ask<K extends FromWorker['kind']>(task: ToWorker, kind: K): Promise<Extract<FromWorker, { kind: K }>> {
      return new Promise((resolve, reject) => {
        if (failed) return reject(failed);
        waiting = {
          fail: reject,
          done(message) {
            if (message.kind === kind) resolve(message as Extract<FromWorker, { kind: K }>);
          },
        };
        worker.postMessage(task);
      });
    },
    end: () => worker.terminate(),
  };
}

/** Adds the parts up: in the order of frames, as one replay meets them. */
export function join(parts: readonly Part[], { given }: Inputs): Joined | string {
  const why = whyNotAlike(parts.map((part) => part.noted));
  if (why !== null) return why;
  const sum = (value: (part: Part) => number): number => parts.reduce((all, part) => all + value(part), 0);
  const counts = Object.fromEntries(
    COUNTS.map((name) => [name, name === 'frames' ? parts[0].counts.frames : sum((p) => p.counts[name])]),
  ) as Part['counts'];
  const counters = addCounters(parts, given.ruleset);
  if (typeof counters === 'string') return counters;
  return {
    summary: {
      ...counts,
      skipped: inOrder(parts.map((part) => part.skipped)),
      verdicts: inOrder(parts.map((part) => part.verdicts)),
      answers: sum((part) => part.answers),
      lines: sum((part) => part.lines.count),
      doubtful: sum((part) => part.lines.doubtful),
      connections: sum((part) => part.connections),
    },
    lines: merged(parts.map((part) => part.rows)),
    counters,
    assumptions: assumptionsOf(parts),
  };
}

function inOrder(all: readonly (readonly Kind[])[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { what, count } of all.flat().sort((a, b) => a.first - b.first))
    counts.set(what, (counts.get(what) ?? 0) + count);
  return counts;
}

/** The lines of a frame all come from one part. */
function merged(all: readonly (readonly LogRow[])[]): LogRow[] {
  const next = all.map(() => 0);
  const rows: LogRow[] = [];
  for (;;) {
    let first = -1;
    for (let i = 0; i < all.length; i++)
      if (next[i] < all[i].length && (first < 0 || all[i][next[i]].frame < all[first][next[first]].frame))
        first = i;
    if (first < 0) return rows;
    rows.push(all[first][next[first]++]);
  }
}

/** Each part began with what the rules had counted when they were read. */
function addCounters(parts: readonly Part[], ruleset: Inputs['given']['ruleset']): CounterOf | string {
  const counted = new Map<Rule | Chain, { packets: number; bytes: number }>();
  const { chains } = compile(ruleset, { shared: new NamedTables(), now: 0, tick: 0 });
  let at = 0;
  const take = (of: Rule | Chain, packets: number, bytes: number): void => {
    const added = { packets, bytes };
    for (const part of parts) {
      added.packets += part.counted[at] - packets;
      added.bytes += part.counted[at + 1] - bytes;
    }
    counted.set(of, added);
    at += 2;
  };
  for (const { chain, policyPackets, policyBytes, rules } of chains) {
    take(chain, policyPackets, policyBytes);
    for (const { rule, packets, bytes } of rules) take(rule, packets, bytes);
  }
  if (parts.some((part) => part.counted.length !== at)) return 'the rules changed while they were read';
  return (of) => counted.get(of) ?? { packets: 0, bytes: 0 };
}

function assumptionsOf(parts: readonly Part[]): string[] {
  const all = parts.flatMap((part) => part.assumptions).sort((a, b) => a.at - b.at);
  const bySubject = new Map<string, { text: string; mattered: boolean }>();
  for (const { subject, text, mattered } of all) {
    const known = bySubject.get(subject);
    if (known) known.mattered ||= mattered;
    else bySubject.set(subject, { text, mattered });
  }
  return [...bySubject.values()].filter((a) => a.mattered).map((a) => a.text);
}
