import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replay } from '../../../src/index.js';

const DIR = join(import.meta.dirname, 'conversations');

/**
 * What hangs on more than the packets: when an element's time is over and the list is made, who owns a socket that nobody
 * has accepted yet, which processor, which realm, and ARP, which was not captured.
 */
const OTHERWISE =
  /^\t\t(meta skuid 0|meta cpu|meta rtclassid|ether type arp|iifname "e0"|counter packets 2[13] bytes 1\d+$)/;

function comparable(listing: string): string[] {
  return listing
    .replace(/(\t\ttimeout 300ms)\n\t\telements = [^}]*\}/, '$1')
    .split('\n')
    .filter((line) => !OTHERWISE.test(line))
    .map((line) => line.replace(/ (timeout|expires) [0-9dhms]+/g, ''));
}

const read = (...path: string[]): string => readFileSync(join(DIR, ...path), 'utf8');

/*
 * Recorded on Linux 6.18, a router between two hosts: connections, datagrams and echoes to it and through it. `state`:
 * what remembers, chooses, and what routes, sockets and connections tell; `fields`: what headers tell, at netdev hooks
 * too, helpers, timeouts, zones and synproxy; `maps`: maps of all kinds, NAT by them, and a dropping policy;
 * `proxies`: a proxy that tproxy leads to, what it answers in others' names, copies of datagrams for a third host (dup, fwd),
 * connections that were expected, and what stands behind UDP and TCP (`@ih`).
 */
describe('a conversation', () => {
  it.each(['state', 'fields', 'maps', 'proxies'])('%s', async (name) => {
    const dir = join(DIR, name);
    const { value } = await replay({ captures: [join(dir, 'any.pcap')], host: join(dir, 'host') });
    expect(comparable(value?.nftRuleset ?? '')).toEqual(comparable(read(name, 'after.nft')));
    const connections = (value?.conntrack ?? '')
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^((\S+ +){3}\S+) +\d+ /, '$1 ').replace(/ use=\d+.*/, ''))
      .sort();
    expect(connections).toEqual(read(name, 'conntrack.txt').trimEnd().split('\n').sort());
  });
});
