import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

/** A command of the lab that failed; it is not the simulation that is at fault. */
export class LabError extends Error {}

/** A network namespace without a name: it is there as long as its processes are. */
export interface Namespace {
  /** Its first process, which is also the first of a process namespace: when it ends, the kernel ends the others. */
  readonly pid: number;
}

/** Runs a shell script and waits; its output. @throws LabError where it fails */
export function shell(script: string, namespace?: Namespace, input = ''): string {
  const [program, ...first] = namespace ? [...entering(namespace), 'sh'] : ['sh'];
  const done = spawnSync(program, [...first, '-c', script], {
    input,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (done.status !== 0)
    throw new LabError(`${script.slice(0, 200)}: ${done.error?.message ?? done.stderr.trim()}`);
  return done.stdout;
}

function entering({ pid }: Namespace): string[] {
  return ['nsenter', '--target', String(pid), '--net'];
}

export type Child = ChildProcessByStdio<Writable, Readable, Readable>;

export function start(program: string, ...args: string[]): Child {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  // A child that dies closes its pipe under us; its exit is what is looked at.
  child.stdin.on('error', () => undefined);
  return child;
}

/** A program in a namespace. It ends with the namespace at the latest, and so with us. */
export interface Inmate {
  readonly child: Child;
  /** Lets it end in order. */
  interrupt(): void;
}

/** Says its own number, by which it can be reached from outside, and becomes the program. */
const BECOME = 'read -r pid rest < /proc/self/stat; echo "$pid"; exec "$@"';

/** Starts a program in a namespace. @throws LabError where it cannot be started */
export async function startInside(namespace: Namespace, program: string, ...args: string[]): Promise<Inmate> {
  const [enter, ...where] = entering(namespace);
  const child = start(enter, ...where, '--pid', 'sh', '-c', BECOME, 'sh', program, ...args);
  const pid = Number(await until(child, child.stdout, '\n'));
  return {
    child,
    interrupt() {
      if (child.exitCode === null) process.kill(pid, 'SIGINT');
    },
  };
}

/** Makes a namespace; it goes when `child` ends, and that ends when its standard input does: with us, whatever ends us. */
export async function makeNamespace(): Promise<{ readonly namespace: Namespace; readonly child: Child }> {
  const script = 'read -r pid rest < /proc/self/stat; echo "$pid $(readlink /proc/self/ns/net)"; exec cat';
  const child = start('unshare', '--net', '--pid', '--fork', '--kill-child', 'sh', '-c', script);
  const [pid, net] = (await until(child, child.stdout, '\n')).trim().split(' ');
  if (!net || net === readlinkSync('/proc/self/ns/net'))
    throw new LabError("refused: this is the machine's own network namespace");
  return { namespace: { pid: Number(pid) }, child };
}

/** Sees to it that a directory goes when this process does, whatever ends it. */
export function removeWithUs(directory: string): void {
  const script = `trap '' INT TERM HUP; cat > /dev/null; rm -rf -- "$1"`;
  const guard = spawn('setsid', ['sh', '-c', script, 'sh', directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.on('error', () => undefined);
  // It waits for us; we do not wait for it.
  guard.unref();
  (guard.stdin as Socket).unref();
}

/** Waits until a stream has said `word`; what it has said. @throws LabError where the child ends before */
export function until(child: Child, stream: Readable, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      if (!said.includes(word)) return;
      stream.off('data', hear);
      // Whoever goes on talking is listened to, so that no pipe fills up.
      stream.resume();
      resolve(said);
    };
    stream.on('data', hear);
    child.on('error', (error) => reject(new LabError(error.message)));
    child.on('close', () => reject(new LabError(`${child.spawnargs.join(' ')}: ${said.trim()}`)));
  });
}

export function ended(child: Child): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.on('exit', (code) => resolve(code)));
}
