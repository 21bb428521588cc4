import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRecorded, recorded, rulesOf } from '../../../kernel/helperRecord.js';
import { HELPER_ROWS, type HelperRow } from '../../../kernel/helperRows.js';
import { play, type Sent } from '../../helpers/router.js';

/** What Linux 6.18 said of the rows that test/kernel/helpers.test.ts asks the running one about. */
const KERNEL = readRecorded(readFileSync(join(import.meta.dirname, 'kernel.txt'), 'utf8'));

const isRule = (setup: HelperRow['setups'][number]): setup is string =>
  typeof setup === 'string' && setup.startsWith('iptables-legacy') && !setup.includes('-j LOG');
const ROWS = HELPER_ROWS.filter(({ name, family = 4 }) => family === 4 && KERNEL.has(name));

describe('what helpers read, as the kernel has it', () => {
  it('has most rows', () => {
    expect(ROWS.length).toBeGreaterThan(100);
  });

  it.each(ROWS)('$name', async ({ name, setups, steps, sysctls = {} }) => {
    let seconds = 0;
    const sent = steps.map(([wait, device, bytes]): Sent => [(seconds += wait / 1000), device, bytes]);
    const { saved, listed } = await play(rulesOf(setups.filter(isRule)), sent, {
      sysctls: [
        'net.netfilter.nf_conntrack_acct=1',
        ...Object.entries(sysctls).map(([key, value]) => `${key}=${value}`),
      ],
      routes: ['default via 198.51.100.1', '10.9.0.0/16 via 192.168.1.254'],
    });
    expect(recorded(name, saved, listed)).toBe(KERNEL.get(name));
  });
});
