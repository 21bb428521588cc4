import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Comparison } from '../../../src/index.js';
import { scratch } from '../../cli/examples.js';
import { run } from '../../cli/run.js';
import { type EthernetFrame, ethernetFrames, pcapOf } from '../interfaces.js';

const DIR = join(import.meta.dirname, 'recordings');
const LONG = 60_000;

const PEER = Uint8Array.of(2, 0, 0, 0, 0x99, 0x99);
const PEERS = { eth0: PEER, eth1: PEER, lo: new Uint8Array(6) };

/** What accuses the rules: a line that only one side has, or says otherwise, without a word of what is not known. */
const ACCUSES = new Set(['onlySimulated', 'onlyHost', 'field']);

const VIEWS: readonly (readonly [what: string, isSeen: (frame: EthernetFrame) => boolean])[] = [
  ['the client’s side', (f) => f.interface === 'eth0'],
  ['the server’s side', (f) => f.interface === 'eth1'],
  ['what came in on the client’s side', (f) => f.interface === 'eth0' && f.direction === 'in'],
  ['what left on the client’s side', (f) => f.interface === 'eth0' && f.direction === 'out'],
];

/** What nothing tells: who is behind an address that masquerading gave; whether what the host sends over IPv6 is an answer. */
const HIDDEN = new Set(['masquerade: the server’s side', 'ipv6-input: what left on the client’s side']);

describe('where one interface alone was captured', { timeout: LONG }, () => {
  it.each(readdirSync(DIR))('no rule is accused for what SYNPROXY did: %s', async (name) => {
    const host = join(DIR, name, 'host');
    const frames = await ethernetFrames(join(DIR, name, 'any.pcap'), host, PEERS);
    for (const [what, isSeen] of VIEWS) {
      const seen = frames.filter(isSeen);
      if (seen.length === 0 || HIDDEN.has(`${name}: ${what}`)) continue;
      using temporary = scratch();
      const file = temporary.file('one.pcap', pcapOf(seen));
      const told = `-i ${file}=${seen[0].interface} --host ${host} --log ${join(DIR, name, 'kernel.log')}`;
      const { stdout } = await run(`compare ${file} ${told} --search 0 --format json`);
      const { differences } = JSON.parse(stdout) as Comparison;
      const wrong = differences.filter(({ kind }) => ACCUSES.has(kind));
      expect(wrong.map(({ kind, simulated, host: real }) => `${what}: ${kind} ${simulated ?? real}`)).toEqual(
        [],
      );
    }
  });
});
