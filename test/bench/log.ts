import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';

/** Of so many lines one is lost, and one has another TTL. */
const LOST = 100_003;
const CHANGED = 50_021;

/** Writes a log as another one, with a boot time of its own and a few lines that are not what they were. */
export async function writeHostLog(simulated: string, path: string): Promise<void> {
  const out = createWriteStream(path);
  const lines = createInterface({ input: createReadStream(simulated) });
  let n = 0;
  for await (const line of lines) {
    if (++n % LOST === 0) continue;
    const close = line.indexOf(']');
    const seconds = Number(line.slice(1, close)) + 4075.25;
    const text = n % CHANGED === 0 ? line.slice(close).replace(/TTL=\d+/, 'TTL=17') : line.slice(close);
    if (!out.write(`[${seconds.toFixed(6).padStart(12)}${text}\n`)) await once(out, 'drain');
  }
  out.end();
  await finished(out);
}
