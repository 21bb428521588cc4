import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from '../cli/examples.js';
import { compareOtherwise, type Compared, type Recording } from './diagnosis.js';

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
  using temporary = scratch();
  const capture = temporary.file('any.pcap', withoutFirstThird(readFileSync(recording.capture)));
  return await compareOtherwise({ ...recording, capture });
}

/** A classic pcap file without its first third of packets. */
function withoutFirstThird(file: Buffer): Buffer {
  const isLittle = file.readUInt32LE(0) >>> 24 === 0xa1;
  const at: number[] = [];
  for (let i = 24; i < file.length;) {
    at.push(i);
    i += 16 + (isLittle ? file.readUInt32LE(i + 8) : file.readUInt32BE(i + 8));
  }
  return Buffer.concat([file.subarray(0, 24), file.subarray(at[Math.floor(at.length / 3)])]);
}
