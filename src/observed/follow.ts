import { spawn } from 'node:child_process';
import { closeSync, constants, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A log that is being written: what comes from now on, until it is closed. */
export interface FollowedLog {
  /** What to call it in messages. */
  readonly name: string;
  readonly text: AsyncIterable<Uint8Array>;
  /** Lines were lost before they were read, so often; journald and the kernel tell of others in the text. */
  overruns(): number;
  /** Why it ended by itself, in words; null where it did not. */
  ended(): string | null;
  close(): void;
}

/** How often is looked for more, ms. */
const INTERVAL = 50;
/** A record of /dev/kmsg has at most 2 KiB of text, escaped (kernel/printk: PRINTKRB_RECORD_MAX, CONSOLE_EXT_LOG_MAX). */
const RECORD = 8192;

/** Follows the kernel's own log. @throws where it may not be read */
export function followKmsg(path = '/dev/kmsg'): FollowedLog {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const record = Buffer.alloc(RECORD);
  let closed = false;
  let overruns = 0;
  /** null: nothing more for now. */
  const next = (): number | null => {
    for (;;)
      try {
        // A pipe in its place has nothing to read where nobody writes.
        return readSync(file, record, 0, record.length, null) || null;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EAGAIN') return null;
        // The ring went round before we read: the next read goes on with what is left.
        if (code !== 'EPIPE') throw error;
        overruns++;
      }
  };
  while (next() !== null);
  overruns = 0;
  async function* text(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        for (let length = next(); length !== null; length = next()) yield record.subarray(0, length);
        if (closed) return;
        await delay(INTERVAL);
      }
    } finally {
      closeSync(file);
    }
  }
  return {
    name: path,
    text: text(),
    overruns: () => overruns,
    ended: () => null,
    close: () => (closed = true),
  };
}

/** Whether journald keeps this machine's log. */
export function hasJournal(): boolean {
  return (
    existsSync('/run/systemd/journal') || existsSync('/run/log/journal') || existsSync('/var/log/journal')
  );
}

/** Follows the kernel's messages in the journal. */
export function followJournal(program = 'journalctl'): FollowedLog {
  const child = spawn(program, ['-k', '-f', '-n', '0', '-o', 'json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let closed = false;
  let ended: string | null = null;
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (words: string) => (said = (said + words).slice(-1000)));
  child.on('error', (error: NodeJS.ErrnoException) => {
    ended = error.code === 'ENOENT' ? 'journalctl is not installed' : error.message;
  });
  child.on('close', (status, signal) => {
    if (!closed) ended ??= said.trim().split('\n')[0] || `journalctl ended (${signal ?? status})`;
  });
  async function* text(): AsyncGenerator<Uint8Array> {
    try {
      yield* child.stdout as AsyncIterable<Uint8Array>;
    } catch (error) {
      if (!closed) throw error;
    } finally {
      child.kill();
    }
  }
  return {
    name: 'the journal',
    text: text(),
    overruns: () => 0,
    ended: () => ended,
    close() {
      closed = true;
      // What it has written is still read; its end ends the text.
      child.kill();
    },
  };
}

/**
 * Follows a file from its end, through rotation: a new file of that name is read from its start once the old one has been read
 * to its end, and one that was cut off (logrotate's copytruncate) from its start. @throws where it may not be read
 */
export function followFile(path: string): FollowedLog {
  let file = openSync(path, 'r');
  let at = fstatSync(file).size;
  let closed = false;
  const buffer = Buffer.alloc(65_536);
  const more = (): Uint8Array | null => {
    const count = readSync(file, buffer, 0, buffer.length, at);
    at += count;
    return count > 0 ? buffer.subarray(0, count) : null;
  };
  /** Goes to the start of what has taken the file's place, if anything has. */
  const rotate = (): void => {
    const own = fstatSync(file);
    const named = statSync(path, { throwIfNoEntry: false });
    if (named && (named.ino !== own.ino || named.dev !== own.dev)) {
      let fresh: number;
      try {
        fresh = openSync(path, 'r');
      } catch {
        // It is gone again, or not for us to read yet.
        return;
      }
      closeSync(file);
      file = fresh;
    } else if (own.size >= at) return;
    at = 0;
  };
  async function* text(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        for (let chunk = more(); chunk; chunk = more()) yield chunk;
        if (closed) return;
        await delay(INTERVAL);
        // Whoever still had the old file open may have written to it since we looked.
        for (let chunk = more(); chunk; chunk = more()) yield chunk;
        rotate();
      }
    } finally {
      closeSync(file);
    }
  }
  return {
    name: path,
    text: text(),
    overruns: () => 0,
    ended: () => null,
    close: () => (closed = true),
  };
}
