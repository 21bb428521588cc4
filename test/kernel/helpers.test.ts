import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { agreementText, compareRecording } from '../../src/lab/agreement.js';
import { missingForLab } from '../../src/lab/namespaces.js';
import { record } from '../../src/lab/record.js';
import { recorded } from './helperRecord.js';
import { HELPER_ROWS } from './helperRows.js';
import { hostInSix } from './six.js';
import { INTERFACES, NEIGHBOURS, POLICY, ROUTES, SYSCTLS } from './topology.js';

/*
 * Protocols that tell of connections to come, with the helper that reads them assigned: log, counters, connections, events,
 * timeouts and packets sent, as this kernel has them. KERNEL_RECORD=FILE adds
 * what it said to what test/engine/conntrack/helpers holds the simulation to without it.
 */

const missing = missingForLab();
const why = missing ? ` (${missing})` : '';

const keep = process.env.KERNEL_RECORD ?? '';

describe.skipIf(missing !== null)(`this kernel agrees about what helpers read${why}`, () => {
  it.each(HELPER_ROWS)('$name', { timeout: 180_000 }, async (row) => {
    const { name, family = 4, setups, sysctls, steps, isAboutLog = false } = row;
    // The kernel's log is everybody's, and waited for.
    const logs = isAboutLog;
    const directory = mkdtempSync(join(tmpdir(), 'nfreplay-helper-'));
    const host =
      family === 4
        ? { interfaces: INTERFACES, neighbours: NEIGHBOURS, routes: ROUTES, rules: POLICY }
        : hostInSix();
    try {
      await record(
        {
          host: {
            ...host,
            sysctls: { ...SYSCTLS, 'net.netfilter.nf_conntrack_acct': 1, ...sysctls },
            setups: setups
              .map((setup) => (typeof setup === 'string' ? { command: setup, input: '' } : setup))
              .filter(({ command }) => logs || !command.includes('-j LOG')),
          },
          packets: steps.map(([wait, device, bytes]) => ({ wait: wait * 1000, interface: device, bytes })),
          isOurs: logs ? (line) => line.includes('nf_ct_') || line.includes('helped ') : null,
        },
        directory,
      );
      const after = (file: string): string => readFileSync(join(directory, 'after', file), 'utf8');
      if (keep !== '')
        appendFileSync(keep, recorded(name, after('iptables-save.txt'), after('conntrack.txt')));
      const agreement = await compareRecording(directory);
      expect(agreementText(logs ? agreement : { ...agreement, log: [] })).toBe('');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
