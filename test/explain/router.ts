import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareOtherwise, type Compared } from './diagnosis.js';

const ROUTER = 'test/explain/recordings/router';

/** Text in a file of the snapshot that the host has and the one given has not. */
type Gone = Readonly<Record<string, string | RegExp>>;

/**
 * `compare` on what a kernel did that routed between two namespaces: its rules as they were saved when the capture
 * began, but for the text of `gone` and the files of `without`.
 */
export function compareRouter(
  name: string,
  gone: Gone = {},
  without: readonly string[] = [],
): Promise<Compared> {
  const dir = join(ROUTER, name);
  const rules: Record<string, string> = {};
  for (const file of readdirSync(dir).filter((f) => !['any.pcap', 'kernel.log', ...without].includes(f))) {
    const text = readFileSync(join(dir, file), 'utf8');
    const left = file in gone ? text.replace(gone[file], '') : text;
    if (file in gone && left === text) throw new Error(`${file} has no ${String(gone[file])}`);
    rules[file] = left;
  }
  const recording = {
    capture: join(dir, 'any.pcap'),
    host: join(ROUTER, 'host'),
    log: join(dir, 'kernel.log'),
  };
  return compareOtherwise(recording, rules);
}
