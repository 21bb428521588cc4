import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './run.js';

export const CAPTURE = 'captures/docker-published-port/any.pcap';
export const LOG = 'captures/docker-published-port/kernel.log';
export const HOST = 'rulesets/docker-published-port';

/** A directory that is gone when the test is over. */
export function scratch(): {
  readonly dir: string;
  file(name: string, content: string | Uint8Array): string;
} & Disposable {
  const dir = mkdtempSync(join(tmpdir(), 'nfreplay-'));
  return {
    dir,
    file(name, content) {
      const path = join(dir, name);
      writeFileSync(path, content);
      return path;
    },
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** What the help of a command shows as examples, without `nfreplay`. */
export async function examplesOf(command: string): Promise<string[]> {
  const { stdout } = await run(`${command} --help`);
  return [...stdout.matchAll(/^ {2}\$ nfreplay (.*)$/gm)].map(([, line]) => line);
}

/** The lines of the docker recording's log. */
export function logLines(): string[] {
  return readFileSync(LOG, 'utf8').trimEnd().split('\n');
}
