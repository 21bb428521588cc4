import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

/** A command of the lab that failed; it is not the simulation that is at fault. */
export class LabError extends Error {}

/** Runs a shell script and waits; its output. @throws LabError where it fails */
export function shell(script: string, namespace?: string, input = ''): string {
  const [program, ...first] = namespace ? ['ip', 'netns', 'exec', namespace, 'sh'] : ['sh'];
  const done = spawnSync(program, [...first, '-c', script], {
    input,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (done.status !== 0)
    throw new LabError(`${script.slice(0, 200)}: ${done.error?.message ?? done.stderr.trim()}`);
  return done.stdout;
}

export type Child = ChildProcessByStdio<Writable, Readable, Readable>;

export function start(program: string, ...args: string[]): Child {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  // A child that dies closes its pipe under us; its exit is what is looked at.
  child.stdin.on('error', () => undefined);
  return child;
}

/** Waits until a stream has said `word`. @throws LabError where the child ends before */
export function until(child: Child, stream: Readable, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      if (!said.includes(word)) return;
      stream.off('data', hear);
      // Whoever goes on talking is listened to, so that no pipe fills up.
      stream.resume();
      resolve();
    };
    stream.on('data', hear);
    child.on('error', (error) => reject(new LabError(error.message)));
    child.on('exit', () => reject(new LabError(`${child.spawnargs.join(' ')}: ${said.trim()}`)));
  });
}

export function ended(child: Child): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.on('exit', (code) => resolve(code)));
}
