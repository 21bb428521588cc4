import { closeSync, constants, openSync, readSync } from 'node:fs';
import { ended, LabError, start, until } from './children.js';

/** A record of /dev/kmsg. */
export interface KernelMessage {
  /** µs since boot. */
  readonly time: number;
  readonly text: string;
}

/** The kernel's log from now on; it belongs to the whole machine, so others' lines are in it. */
export interface KernelLog {
  /** What has come meanwhile. @throws LabError where the ring overran us */
  read(): KernelMessage[];
  close(): void;
}

export function followKernelLog(): KernelLog {
  const file = openKmsg();
  const record = Buffer.alloc(8192);
  const read = (overrunMatters: boolean): KernelMessage[] => {
    const messages: KernelMessage[] = [];
    for (;;) {
      let length: number;
      try {
        length = readSync(file, record, 0, record.length, null);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EAGAIN') return messages;
        if (code === 'EPIPE') {
          if (overrunMatters) throw new LabError('the kernel log overran');
          continue;
        }
        throw error;
      }
      const text = record.toString('utf8', 0, length);
      const semicolon = text.indexOf(';');
      messages.push({
        time: Number(text.slice(0, semicolon).split(',')[2]),
        text: text.slice(semicolon + 1).split('\n')[0],
      });
    }
  };
  read(false);
  return { read: () => read(true), close: () => closeSync(file) };
}

function openKmsg(): number {
  try {
    return openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new LabError(`the kernel's log cannot be read: ${(error as Error).message}`);
  }
}

const LOCK_FILE = '/tmp/lab.lock';
/** ms after which somebody who waits wants to know for what. */
const PATIENCE = 2000;
const ALL_NAMESPACES = '/proc/sys/net/netfilter/nf_log_all_netns';

/** Outlives us by a moment: puts the setting back when its standard input ends, by whatever cause. */
const GUARD = `trap '' INT TERM HUP
before=$(cat ${ALL_NAMESPACES}) || exit 1
[ "$before" != 0 ] || echo 1 > ${ALL_NAMESPACES} || exit 1
echo locked; cat > /dev/null
[ "$before" != 0 ] || echo 0 > ${ALL_NAMESPACES}`;

/**
 * Runs with the kernel log to itself, as far as others hold the same lock, and with namespaces allowed to write to it;
 * the lock and the permission go when this process does.
 * @param wanted false: runs without it, with null for a log
 * @param waits is told where the lock is not to be had at once
 * @throws LabError where this machine does not allow it
 */
export async function withKernelLog<Result>(
  wanted: boolean,
  run: (log: KernelLog | null) => Promise<Result>,
  waits?: (lock: string) => void,
): Promise<Result> {
  if (!wanted) return run(null);
  const guard = start('setsid', 'flock', LOCK_FILE, 'sh', '-c', GUARD);
  let said = '';
  guard.stderr.on('data', (words: Buffer) => (said += words.toString()));
  const waiting = setTimeout(() => waits?.(LOCK_FILE), PATIENCE);
  await until(guard, guard.stdout, 'locked')
    .catch(() => {
      throw new LabError(
        `namespaces cannot be let write to the kernel's log (${ALL_NAMESPACES}): ${reason(said)}`,
      );
    })
    .finally(() => clearTimeout(waiting));
  try {
    const log = followKernelLog();
    try {
      return await run(log);
    } finally {
      log.close();
    }
  } finally {
    guard.stdin.end();
    await ended(guard);
  }
}

/** What the shell complained of, without its own name and the file's. */
function reason(said: string): string {
  return said.trim().split('\n')[0].split(': ').pop() || 'it is not there';
}
