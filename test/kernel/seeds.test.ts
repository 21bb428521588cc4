import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { missingForLab } from '../../src/lab/namespaces.js';
import { makeScenario, silent } from './scenario.js';
import { shrink, trial } from './trial.js';

/*
 * Random hosts, rules and conversations, given to this machine's kernel and to the simulation. `npm run test:kernel --
 * --seeds 100 --level 3 --family 6 --from 20000` tries others; what disagrees is shrunk and kept in KEEP as a recording.
 */

const {
  KERNEL_SEEDS = '2',
  KERNEL_FROM = '1',
  KERNEL_LEVEL = '1,2,3',
  KERNEL_FAMILY = '4,6',
  KERNEL_KEEP,
} = process.env;
/** All of them are written as a log where the seeds were asked for: the lock on the kernel's log is shared. */
const SILENT = process.env.KERNEL_SEEDS === undefined;

const missing = missingForLab();
const why = missing ? ` (${missing})` : '';

describe.skipIf(missing !== null)(`the simulation does what this kernel does${why}`, () => {
  const families = KERNEL_FAMILY.split(',').map((family) => (family === '6' ? 6 : 4));
  const levels = KERNEL_LEVEL.split(',').map(Number);
  for (const [family, level] of families.flatMap((f) => levels.map((l) => [f, l] as const)))
    for (let seed = Number(KERNEL_FROM); seed < Number(KERNEL_FROM) + Number(KERNEL_SEEDS); seed++)
      it(`IPv${family}, level ${level}, seed ${seed}`, { timeout: 300_000 }, async () => {
        const made = makeScenario(seed, level, family);
        const scenario = SILENT ? silent(made) : made;
        const text = await trial(scenario);
        if (text !== '' && KERNEL_KEEP) {
          const directory = join(KERNEL_KEEP, scenario.name);
          rmSync(directory, { recursive: true, force: true });
          await trial(await shrink(scenario, text), directory);
        }
        expect(text).toBe('');
      });
});
