import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { agreementText, compareRecording } from '../../../../src/lab/agreement.js';

/**
 * Conversations between TCP and UDP stacks of Linux 6.18 through a router that reads them with a helper and translates their
 * addresses. LAN 192.168.1.0/24 and fd00:1::/64 on eth1, the servers 203.0.113.8, 203.0.113.9 and 2001:db8:100::9 on eth0.
 */
const DIR = join(import.meta.dirname, 'recordings');

describe('what a helper reads and writes is logged, counted, tracked and sent as the kernel did', () => {
  it.each(readdirSync(DIR))('%s', { timeout: 60_000 }, async (name) => {
    expect(agreementText(await compareRecording(join(DIR, name)))).toBe('');
  });
});
