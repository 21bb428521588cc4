import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

/** What a run of a program took. */
export interface Usage {
  /** s of CPU, user and system, of all its threads. */
  readonly cpu: number;
  /** s that went by. */
  readonly wall: number;
  /** MB that it had at its largest; 0 where nothing tells. */
  readonly memory: number;
  readonly status: number | null;
}

export interface RunOptions {
  /** A file for its standard output. */
  readonly out?: string;
  /** What it reads as standard input. */
  readonly input?: Readable;
}

const PROGRAM = 'dist/cli.js';
const DECODE = fileURLToPath(new URL('./decode.js', import.meta.url));
const HOOK = new URL('./usage.js', import.meta.url).href;

/** Runs the built program. */
export function nfreplay(args: readonly string[], options: RunOptions = {}): Promise<Usage> {
  return node([PROGRAM, ...args], options);
}

/** Reads and decodes a capture alone. */
export function decode(capture: string): Promise<Usage> {
  return node([DECODE, capture]);
}

/** Node.js doing nothing. */
export function bareNode(): Promise<Usage> {
  return node(['-e', '0']);
}

async function node(args: readonly string[], options: RunOptions = {}): Promise<Usage> {
  const { told, errors, wall, status } = await run('node', ['--import', HOOK, ...args], options);
  if (status !== 0 && status !== 1) throw new Error(`${args.join(' ')} ended with ${status}: ${errors}`);
  const { userCPUTime, systemCPUTime, maxRSS } = JSON.parse(told) as NodeJS.ResourceUsage;
  return { cpu: (userCPUTime + systemCPUTime) / 1e6, wall, memory: maxRSS / 1024, status };
}

/** Runs any program, with bash's clock for its CPU time; null where it is not installed. */
export async function program(command: readonly string[], options: RunOptions = {}): Promise<Usage | null> {
  const script = `command -v "$1" >/dev/null || exit 127; TIMEFORMAT='%U %S'; time "$@" 2>/dev/null; exit $?`;
  const { errors, wall, status } = await run('bash', ['-c', script, 'bash', ...command], options);
  if (status === 127) return null;
  const [user, system] = errors.trim().split(' ').map(Number);
  return { cpu: user + system, wall, memory: 0, status };
}

interface Ended {
  readonly told: string;
  readonly errors: string;
  readonly wall: number;
  readonly status: number | null;
}

async function run(name: string, args: readonly string[], { out, input }: RunOptions): Promise<Ended> {
  const start = performance.now();
  const child = spawn(name, args, {
    stdio: [input ? 'pipe' : 'ignore', out === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let told = '';
  let errors = '';
  child.stderr!.on('data', (data: Buffer) => (errors = (errors + data.toString()).slice(-4096)));
  child.stdio[3]!.on('data', (data: Buffer) => (told += data.toString()));
  if (input) {
    child.stdin!.on('error', () => undefined);
    input.pipe(child.stdin!);
  }
  const written = out === undefined ? null : finished(child.stdout!.pipe(createWriteStream(out)));
  const status = await new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('close', resolve),
  );
  await written;
  return { told, errors, wall: (performance.now() - start) / 1000, status };
}

/** The one in the middle of several runs, by CPU time unless told. */
export async function median(
  runs: number,
  measure: () => Promise<Usage>,
  by: 'cpu' | 'wall' = 'cpu',
): Promise<Usage> {
  const all: Usage[] = [];
  for (let n = 0; n < runs; n++) all.push(await measure());
  return all.sort((a, b) => a[by] - b[by])[runs >> 1];
}
