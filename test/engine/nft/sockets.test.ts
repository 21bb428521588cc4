import { describe, expect, it } from 'vitest';
import { play } from '../helpers/nft.js';

const rules = (...lines: string[]): string =>
  `table inet t {\n\tchain p {\n\t\ttype filter hook prerouting priority mangle; policy accept;\n${lines.join('\n')}\n\t}\n}\n`;
const log = (name: string): string => `log prefix "${name}: "`;
const ALL = rules(
  ...['0', '1'].flatMap((value) => [
    `socket transparent ${value} ${log(`T${value}`)}`,
    `socket wildcard ${value} ${log(`W${value}`)}`,
  ]),
);
const tcp = (port: number, flags: string): string =>
  `eth0: tcp 198.51.100.9:1000 > 198.51.100.2:${port} ${flags}`;

// As Linux 6.18 counted it in a conversation with a listener on 0.0.0.0.
describe('socket', () => {
  it('is the listener, the request, and the connection that comes of it', async () => {
    const { logged } = await play(ALL, [tcp(80, 'S'), tcp(80, 'A'), tcp(80, 'PA len 1'), tcp(80, 'FA')]);
    expect(logged).toEqual(['T0 W1', 'T0', 'T0 W0', 'T0 W0']);
  });

  it('is none where nobody listens, and for what has no ports', async () => {
    const echo = 'eth0: icmp 198.51.100.9 > 198.51.100.2 8/0 id 7 n 1';
    const { logged } = await play(ALL, [tcp(81, 'S'), echo]);
    expect(logged).toEqual(['', '']);
  });

  it('is the proxy that tproxy gave the connection to', async () => {
    const proxied = `tcp dport 81 tproxy to :5000`;
    const { logged } = await play(
      rules(`socket transparent 1 ${log('T')}`, `meta l4proto tcp ${proxied} ${log('P')} accept`),
      [tcp(81, 'S'), tcp(81, 'A'), tcp(82, 'S')],
    );
    expect(logged).toEqual(['P', 'T P', '']);
  });
});

describe('tproxy', () => {
  // As xt_TPROXY and nft_tproxy of Linux 6.18: what no proxy takes is dropped, or the rule ends.
  it.each([
    ['to :5000', 'P A'],
    ['ip to 198.51.100.2:5000', 'P A'],
    ['to :5001', 'A'],
    ['ip to 198.51.100.9', 'A'],
  ])('%s', async (to, logged) => {
    const proxied = `meta l4proto tcp tproxy ${to} ${log('P')}`;
    expect((await play(rules(proxied, log('A')), [tcp(81, 'S')])).logged).toEqual([logged]);
  });
});

describe('what the host has none of', () => {
  it.each([
    ['ipsec in reqid 1', ''],
    ['ipsec in reqid != 1', ''],
    ['rt ipsec missing', 'A'],
    ['meta ipsec missing', 'A'],
    ['meta sdif 0', 'A'],
    ['meta sdif != 0', ''],
    ['osf name != "Linux"', ''],
  ])('%s', async (rule, logged) => {
    const table = `table inet t {\n\tchain i {\n\t\ttype filter hook input priority 0; policy accept;\n\t\t${rule} ${log('A')}\n\t}\n}\n`;
    expect((await play(table, [tcp(80, 'PA len 1')])).logged).toEqual([logged]);
  });
});

describe('a fingerprint', () => {
  // Asked of Linux 6.18, with fingerprints and without: those in doubt were "Linux" or "unknown", the others neither.
  it.each([
    ['tcp 198.51.100.9:5 > 198.51.100.2:80 S mss 1460 sackok wscale 7', true],
    ['tcp 198.51.100.9:5 > 198.51.100.2:80 SA', true],
    [
      'hex 4500003c000100054006147bcb007105c6336402000500500000000000000000a00216d0ca9e0000020405b40402080a000000010000000001030307',
      true,
    ],
    ['tcp 198.51.100.9:5 > 198.51.100.2:80 A', false],
    ['udp 198.51.100.9:5 > 198.51.100.2:80 len 8', false],
    ['tcp [2001:db8:1::9]:5 > [2001:db8:1::1]:80 S', false],
    ['hex 450000230001000040061499cb007105c6336402000500500000000000000000a00216', false],
  ])('%s', async (words, isInDoubt) => {
    const hook = 'type filter hook prerouting priority -500; policy accept;';
    const table = `table inet t {\n\tchain i {\n\t\t${hook}\n\t\tosf name "Linux" drop\n\t\t${log('A')}\n\t}\n}\n`;
    const { lines } = await play(table, [`eth0: ${words}`]);
    expect(lines.map(({ doubt }) => doubt !== null)).toEqual([isInDoubt]);
  });
});

// As Linux 6.18 counted them, one packet at a time.
describe('synproxy', () => {
  const proxy = `table inet t {
  chain c { type filter hook input priority 0
    log prefix "came: "
    synproxy mss 1460 wscale 7
    log prefix "passed: "
  }
}`;

  it.each([
    ['S', 'came'],
    ['SA', 'came'],
    ['SF', 'came'],
    ['SR', 'came'],
    ['A', 'came'],
    ['FA', 'came'],
    ['RA', 'came'],
    ['F', 'came passed'],
    ['R', 'came passed'],
    ['P', 'came passed'],
  ])('takes a packet with %s or lets it pass: %s', async (flags, said) => {
    const { logged } = await play(proxy, [tcp(80, flags)]);
    expect(logged).toEqual([said]);
  });
});
