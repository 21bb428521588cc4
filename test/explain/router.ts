import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareOtherwise, type Compared, type Recording } from './diagnosis.js';
import { withoutFirstThird } from './disturb/capture.js';

const ROUTER = 'test/explain/recordings/router';

/** How the snapshot is less than what was recorded. */
interface Less {
  /** Text in a file of the snapshot that the host has and the one given has not. */
  readonly gone?: Readonly<Record<string, string | RegExp>>;
  /** Files that are not given at all. */
  readonly without?: readonly string[];
}

/** `compare` on what a kernel did that routed between two namespaces: its rules as they were saved when the capture began. */
export async function compareRouter(name: string, { gone = {}, without = [] }: Less = {}): Promise<Compared> {
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

/** `compare` on a recording whose capture begins with the second third of its packets. */
export async function compareCut(recording: Recording): Promise<Compared> {
  return await compareOtherwise(recording, {
    'any.pcap': withoutFirstThird(readFileSync(recording.capture)),
  });
}
