import { appendFileSync, chmodSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FollowedLog, followFile, followJournal, followKmsg } from '../../src/observed/follow.js';
import { scratch } from '../cli/examples.js';

/** Takes what a log says, and can be waited on for more of it. */
function listen(log: FollowedLog): { until(text: string): Promise<string>; all(): Promise<string> } {
  let said = '';
  const chunks = log.text[Symbol.asyncIterator]();
  const next = async (): Promise<boolean> => {
    const chunk = await chunks.next();
    if (chunk.done) return false;
    said += Buffer.from(chunk.value).toString();
    return true;
  };
  return {
    async until(text) {
      while (!said.includes(text)) if (!(await next())) break;
      return said;
    },
    async all() {
      while (await next());
      return said;
    },
  };
}

describe('a growing file', () => {
  it('is read from its end on, as it grows', async () => {
    using temporary = scratch();
    const path = temporary.file('kern.log', 'before\n');
    const log = followFile(path);
    const heard = listen(log);
    const first = heard.until('one\n');
    appendFileSync(path, 'one\n');
    expect(await first).toBe('one\n');
    appendFileSync(path, 'tw');
    appendFileSync(path, 'o\n');
    expect(await heard.until('two\n')).toBe('one\ntwo\n');
    log.close();
    expect(await heard.all()).toBe('one\ntwo\n');
  });

  it('goes on in the new file where it was renamed and made anew, without losing the end of the old', async () => {
    using temporary = scratch();
    const path = temporary.file('kern.log', '');
    const log = followFile(path);
    const heard = listen(log);
    const one = heard.until('one\n');
    appendFileSync(path, 'one\n');
    await one;
    renameSync(path, `${path}.1`);
    // Whoever writes goes on in the old file until it is told of the new one.
    appendFileSync(`${path}.1`, 'two\n');
    writeFileSync(path, 'three\n');
    expect(await heard.until('three\n')).toBe('one\ntwo\nthree\n');
    renameSync(path, `${path}.1`);
    writeFileSync(path, 'four\n');
    expect(await heard.until('four\n')).toBe('one\ntwo\nthree\nfour\n');
    log.close();
    await heard.all();
  });

  it('goes on from the start where it was copied and cut off (copytruncate)', async () => {
    using temporary = scratch();
    const path = temporary.file('kern.log', '');
    const log = followFile(path);
    const heard = listen(log);
    const one = heard.until('one, which is long\n');
    appendFileSync(path, 'one, which is long\n');
    await one;
    truncateSync(path);
    appendFileSync(path, 'two\n');
    expect(await heard.until('two\n')).toBe('one, which is long\ntwo\n');
    log.close();
    await heard.all();
  });

  it('cannot be followed where there is none', () => {
    using temporary = scratch();
    expect(() => followFile(join(temporary.dir, 'none'))).toThrow(/ENOENT/);
  });
});

describe('the kernel’s own log', () => {
  it('cannot be followed where it may not be read', () => {
    expect(() => followKmsg('/dev/no-such-log')).toThrow(/ENOENT/);
  });
});

describe('the journal', () => {
  /** A program in the place of journalctl. */
  const program = (temporary: ReturnType<typeof scratch>, script: string): string => {
    const path = temporary.file('journalctl', `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  };

  it('is asked for the kernel’s messages from now on, as JSON', async () => {
    using temporary = scratch();
    const log = followJournal(
      program(temporary, `echo "$*" > "${temporary.dir}/asked"; echo '{}'; exec sleep 100`),
    );
    const heard = listen(log);
    expect(await heard.until('{}\n')).toBe('{}\n');
    expect(readFileSync(join(temporary.dir, 'asked'), 'utf8').trim()).toBe('-k -f -n 0 -o json');
    log.close();
    await heard.all();
    expect(log.ended()).toBeNull();
  });

  it('says why it ended', async () => {
    using temporary = scratch();
    const log = followJournal(program(temporary, 'echo "No journal files were found." >&2; exit 1'));
    await listen(log).all();
    await expect.poll(() => log.ended()).toBe('No journal files were found.');
  });

  it('says that journalctl is not there', async () => {
    const log = followJournal('/nowhere/journalctl');
    await listen(log).all();
    await expect.poll(() => log.ended()).toBe('journalctl is not installed');
  });
});
