import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    from: { type: 'string', default: '20000' },
    level: { type: 'string', default: '1,2,3' },
    keep: { type: 'string', default: join(tmpdir(), 'nfreplay-disagreements') },
  },
});
const done = spawnSync('npx', ['vitest', 'run', '--config', 'test/vitest.config.ts', 'test/kernel'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    KERNEL_SEEDS: values.seeds,
    KERNEL_FROM: values.from,
    KERNEL_LEVEL: values.level.replace('..', ','),
    KERNEL_KEEP: values.keep,
  },
});
process.stdout.write(`what disagreed is in ${values.keep}\n`);
process.exit(done.status ?? 3);
