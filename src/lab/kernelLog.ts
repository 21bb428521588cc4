import { closeSync, constants, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { LabError, start, until } from './children.js';

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
  const file = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
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

const LOCK_FILE = '/tmp/lab.lock';
const ALL_NAMESPACES = '/proc/sys/net/netfilter/nf_log_all_netns';

/**
 * Runs with the kernel log to itself, as far as others hold the same lock, and with namespaces allowed to write to it;
 * the lock goes when this process does.
 * @param wanted false: runs without it, with null for a log
 */
export async function withKernelLog<Result>(
  wanted: boolean,
  run: (log: KernelLog | null) => Promise<Result>,
): Promise<Result> {
  if (!wanted) return run(null);
  const lock = start('flock', LOCK_FILE, 'sh', '-c', 'echo locked; exec cat');
  await until(lock, lock.stdout, 'locked');
  const before = readFileSync(ALL_NAMESPACES, 'utf8');
  if (before.trim() === '0') writeFileSync(ALL_NAMESPACES, '1');
  const log = followKernelLog();
  try {
    return await run(log);
  } finally {
    log.close();
    if (before.trim() === '0') writeFileSync(ALL_NAMESPACES, before);
    lock.stdin.end();
  }
}
