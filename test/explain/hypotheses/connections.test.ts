import { describe, expect, it } from 'vitest';
import { wordsOf } from '../../../src/report/words.js';
import { recordingIn } from '../diagnosis.js';
import { compareCut, compareRouter } from '../router.js';

describe('a kernel whose helper expects connections', () => {
  it.each([
    ['ftp', 'ftp-helper', 'iptables-save.txt', /^.* --helper ftp\n/m],
    ['tftp', 'tftp-helper-nft', 'nft-ruleset.nft', /^.*ct helper set .*\n/m],
  ])('%s: the rule that assigns it was not given', async (helper, name, file, rule) => {
    const { comparison, findings } = await compareRouter(name, { gone: { [file]: rule } });
    expect(comparison.differences).not.toEqual([]);
    const [first] = findings;
    expect(first, JSON.stringify(findings)).toMatchObject({
      kind: 'helper',
      facts: { name: helper },
      left: 0,
    });
    expect(wordsOf(first).statement).toContain(helper);
  });
});

describe('a helper that the rules assign', () => {
  it.each(['ftp-helper', 'tftp-helper-nft'])(
    'expects the connections that the kernel expected: %s',
    async (name) => {
      const { comparison } = await compareRouter(name);
      expect(comparison.differences).toEqual([]);
    },
  );
});

it('the helpers of a router that masquerades: PORT, EPRT, PASV, EPSV, TFTP, and of IPv6 EPRT and EPSV', async () => {
  const { comparison } = await compareRouter('ftp-masquerade');
  expect(comparison.summary).toMatchObject({ predicted: 66, matched: 66, onlyHost: 0 });
  // Neighbour discovery has come in by no interface, though POSTROUTING is told one.
  expect(comparison.differences).toEqual([]);
});

describe('a capture that begins amid a connection', () => {
  it.each([
    // To a port of the host itself: how it was translated is what the rules would have done.
    ['redirect-to-local-port', 'tcp src=198.51.100.9 dst=198.51.100.2 sport=59518 dport=80'],
    // Seen to leave with another address.
    ['router-masquerade', 'tcp src=192.168.1.10 dst=198.51.100.9 sport=52942 dport=80'],
  ])('%s', async (name, conntrack) => {
    const { comparison, findings } = await compareCut({
      capture: `captures/${name}/any.pcap`,
      host: `rulesets/${name}`,
      log: `captures/${name}/kernel.log`,
    });
    expect(comparison.differences).not.toEqual([]);
    const [first] = findings;
    expect(first, JSON.stringify(findings)).toMatchObject({
      kind: 'olderConnections',
      suspect: { conntrack },
      left: 0,
    });
  });

  it('and whose first packet is an answer of which the capture has only the copy that left', async () => {
    const { findings } = await compareCut(recordingIn('test/explain/recordings/nft-docker-like'));
    expect(findings[0], JSON.stringify(findings)).toMatchObject({ kind: 'olderConnections', left: 1 });
  });
});
