import { describe, expect, it } from 'vitest';
import { play, type Sent } from './helpers/router.js';
import { packetOf } from './helpers/words.js';

const mangle = (...rules: string[]): string => `*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
${rules.map((r) => `-A ${r}\n`).join('')}COMMIT
`;
const left = async (
  rules: string,
  rows: readonly Sent[],
  sysctls: string[] = [],
): Promise<readonly string[]> => (await play(rules, rows, { version: 6, sysctls })).left;
const toClosedPort = (bytes: number): Sent => [
  0,
  'eth1',
  `udp [2001:db8:1::10]:1 > [2001:db8:1::1]:9 len ${bytes}`,
];
const UNREACHABLE = 'eth1 icmp 2001:db8:1::1 > 2001:db8:1::10 1/4 ttl 64';

describe('what the host answers over IPv6, as Linux 6.18 does', () => {
  it('tells of protocols that it does not know, but not of PIM, which it takes', async () => {
    const ip = (protocol: number): Sent => [
      0,
      'eth1',
      `ip 2001:db8:1::10 > 2001:db8:1::1 proto ${protocol} len 8`,
    ];
    expect(await left('', [ip(89)])).toEqual(['eth1 icmp 2001:db8:1::1 > 2001:db8:1::10 4/1 ttl 64']);
    expect(await left('', [ip(103)])).toEqual([]);
  });

  // Conntrack has summed the packet; a longer one than 76 bytes is not summed again, and found bad (`udp6_csum_init()`).
  it.each([
    ['whose header no rule changed', '', 500, true],
    ['whose hop limit a rule set', mangle('INPUT -j HL --hl-set 9'), 500, false],
    ['whose class a rule set', mangle('PREROUTING -j TOS --set-tos 0x10/0xff'), 500, false],
    ['whose hop limit was set to what it was', mangle('INPUT -j HL --hl-set 64'), 500, true],
    ['that is as long as is summed again', mangle('INPUT -j HL --hl-set 9'), 68, true],
    ['that is a byte longer', mangle('INPUT -j HL --hl-set 9'), 69, false],
  ])('tells of a closed port to a datagram %s', async (_, rules, bytes, isTold) => {
    const tracked = rules + '*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n' + NAT;
    expect(await left(tracked, [toClosedPort(bytes)])).toEqual(isTold ? [UNREACHABLE] : []);
  });

  // `ip6_rcv_core()`; in a namespace of Linux 6.18 none of these came to PREROUTING.
  it.each(['::1 > 2001:db8:1::1', 'ff02::9 > 2001:db8:1::1', '2001:db8:1::10 > ::1', '::1 > ff02::1'])(
    'takes nothing with addresses that come from no wire: %s',
    async (addresses) => {
      const played = await play(
        mangle('PREROUTING -j LOG'),
        [[0, 'eth1', `icmp ${addresses} 128/0 id 1 seq 1`]],
        { version: 6 },
      );
      expect([played.left, played.lines]).toEqual([[], []]);
    },
  );

  // `icmpv6_echo_reply()`, `icmp6_send()`, `tcp_v6_send_response()`: the link that it came by, or nothing.
  it.each([
    ['icmp fe80::9 > 2001:db8:1::1 128/0 id 1 seq 1', 'eth1'],
    ['udp [fe80::9]:1 > [2001:db8:1::1]:9 len 8', 'eth1'],
    ['tcp [fe80::9]:1 > [2001:db8:1::1]:9 S', 'eth1'],
  ])('has no answer for a link-local sender where its link has no such route: %s', async (words, device) => {
    expect(await left('', [[0, device, words]])).toEqual([]);
  });

  it('sums nothing where conntrack does not check', async () => {
    const rules = mangle('INPUT -j HL --hl-set 9') + NAT;
    const sysctls = ['net.netfilter.nf_conntrack_checksum=0'];
    expect(await left(rules, [toClosedPort(500)], sysctls)).toEqual([UNREACHABLE]);
  });
});

const NAT = `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -o docker0 -j MASQUERADE
COMMIT
`;

describe('the source of an ICMPv6 error', () => {
  const SYN = 'tcp [2001:db8:1::10]:443 > [fd00:17::2]:51000 S';
  const reply = (to: string): string => `tcp [fd00:17::2]:51000 > [${to}]:443 SA ack 1 ttl 1`;

  it('is of the interface that the packet came in by', async () => {
    const sent = await left('', [[0, 'docker0', 'udp [fd00:17::2]:1 > [2001:db8:9::1]:2 ttl 1']]);
    expect(sent).toEqual(['docker0 icmp fd00:17::1 > fd00:17::2 3/0 ttl 64']);
  });

  it('is of the way out, where the bridge had to look that up for a packet that it translated', async () => {
    const rows: Sent[] = [
      [0, 'eth1', SYN],
      [0.001, 'vethc0', reply('fd00:17::1')],
    ];
    const rules = mangle('OUTPUT -j LOG') + NAT;
    const { lines } = await play(rules, rows, {
      version: 6,
      sysctls: ['net.bridge.bridge-nf-call-ip6tables=1'],
    });
    expect(lines[0]).toMatch(/^IN= OUT=docker0 SRC=2001:0db8:0001:(0000:){4}0001 .* TYPE=3 CODE=0/);
  });
});

describe('what has no next header', () => {
  it('is no connection for connlimit to count, which drops it', async () => {
    const rules = `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]
-A FORWARD -m connlimit --connlimit-upto 0 --connlimit-mask 0\nCOMMIT\n`;
    const { left: sent, saved } = await play(
      rules,
      [[0, 'eth1', 'ip 2001:db8:1::10 > 2001:db8:9::1 proto 59 len 8']],
      { version: 6 },
    );
    expect(sent).toEqual([]);
    expect(saved).toContain(':FORWARD ACCEPT [0:0]');
  });
});

describe('fragments to the host itself', () => {
  const whole = packetOf('udp [2001:db8:77::1]:1000 > [2001:db8:100::2]:9 len 1200');
  const fragment = (from: number, to: number): Uint8Array => {
    const more = to < whole.length ? 1 : 0;
    const header = Uint8Array.from([17, 0, (from - 40) >> 8, ((from - 40) & 0xf8) | more, 0, 0, 0, 7]);
    const bytes = Uint8Array.from([...whole.subarray(0, 40), ...header, ...whole.subarray(from, to)]);
    new DataView(bytes.buffer).setUint16(4, bytes.length - 40);
    bytes[6] = 44;
    return bytes;
  };
  const parts = [fragment(40, 688), fragment(688, whole.length)];
  const packets = parts.map((part, i): Sent => [i / 1000, 'eth0', part]);
  const log = '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j LOG --log-prefix "in "\nCOMMIT\n';

  it('come to INPUT one by one where connections are not tracked, and are answered as a whole', async () => {
    const { logged, left } = await play(log, packets, { version: 6 });
    expect(logged).toEqual(['in', 'in']);
    expect(left).toHaveLength(1);
  });

  it('come to INPUT as a whole where they are', async () => {
    const { logged } = await play(log + NAT, packets, { version: 6 });
    expect(logged).toEqual(['', 'in']);
  });
});

describe('a datagram that is whole, in a fragment header (RFC 6946)', () => {
  const whole = packetOf('udp [2001:db8:1::10]:1 > [2001:db8:9::1]:2 len 100');
  const wrapped = new Uint8Array(whole.length + 8);
  wrapped.set(whole.subarray(0, 40));
  wrapped.set(whole.subarray(40), 48);
  wrapped[5] = wrapped.length - 40;
  wrapped[6] = 44;
  wrapped[40] = 17;
  wrapped[47] = 7;

  it.each([
    ['loses it where connections are tracked', NAT, 'LEN=148 TC=0 HOPLIMIT=63 FLOWLBL=0 PROTO=UDP'],
    ['keeps it where they are not', '', 'LEN=156 TC=0 HOPLIMIT=63 FLOWLBL=0 FRAG:0 ID:00000007 PROTO=UDP'],
  ])('%s', async (_, rules, words) => {
    const { lines } = await play(mangle('FORWARD -j LOG') + rules, [[0, 'eth1', wrapped]], { version: 6 });
    expect(lines[0]).toContain(words);
  });
});

describe('what the host sends to the link', () => {
  const output = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n';
  const log = `${output}-A OUTPUT -j LOG --log-prefix "out: "\nCOMMIT\n`;

  it.each([
    ['before it has an address', '::', 'ff02::16'],
    ['from its address there', '2001:db8:1::1', 'ff02::1'],
    ['from one that another interface has', '2001:db8:100::2', 'ff02::1'],
  ])('%s leaves by the interface where it was seen', async (_, from, to) => {
    const rows: Sent[] = [[0, '>eth1', `icmp ${from} > ${to} 143/0 ttl 1`]];
    const { lines } = await play(log, rows, { version: 6 });
    expect(lines).toEqual([expect.stringMatching(/^out: IN= OUT=eth1 SRC=/)]);
  });
});

describe('flow labels of what the host made and no capture shows', () => {
  const rules = `*filter
:OUTPUT ACCEPT [0:0]
-A OUTPUT -p tcp -j LOG --log-prefix reset
-A OUTPUT -p ipv6-icmp -j LOG --log-prefix error
-A OUTPUT -p tcp -j REJECT --reject-with icmp6-adm-prohibited
COMMIT
`;
  const SYN = 'tcp [2001:db8:77::1]:1000 > [2001:db8:100::2]:80 S seq 7';
  const RESET = 'tcp [2001:db8:100::2]:80 > [2001:db8:77::1]:1000 RA ack 8 win 0 label 4660';
  const labels = (lines: readonly string[]): (string[] | undefined)[] =>
    lines.map((line) => line.match(/FLOWLBL=\d+/g)?.map((field) => field.slice(8)));

  it('are read from an error about it, and stand in that error', async () => {
    const error = 'icmp 2001:db8:100::2 > 2001:db8:100::2 1/1 label 22136 about ';
    const { lines, unwritten } = await play(
      rules,
      [
        [0, 'eth0', SYN],
        [0.0001, '>lo', error + RESET],
      ],
      { version: 6 },
    );
    expect(labels(lines)).toEqual([['4660'], ['22136', '4660']]);
    expect(unwritten).toEqual([]);
  });

  it('are read from an error about it that DNAT has sent elsewhere', async () => {
    const nat =
      '*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp -j DNAT --to-destination [2001:db8:77::9]\nCOMMIT\n';
    const error = 'icmp 2001:db8:100::2 > 2001:db8:100::2 1/1 label 22136 about ';
    const { lines } = await play(
      rules + nat,
      [
        [0, 'eth0', SYN],
        [0.0001, '>lo', error + RESET.replace('77::1', '77::9')],
      ],
      { version: 6 },
    );
    expect(labels(lines)[0]).toEqual(['4660']);
  });

  it('are not taken from an error that the host sent to somebody else', async () => {
    const datagram = (peer: string): string => `udp [${peer}]:1000 > [2001:db8:100::2]:9`;
    const { lines, unwritten } = await play(
      rules,
      [
        [0, 'eth0', datagram('2001:db8:77::1')],
        [0.0001, 'eth1', 'udp [2001:db8:1::10]:1000 > [2001:db8:1::1]:9'],
        [
          0.0002,
          '>eth1',
          'icmp 2001:db8:1::1 > 2001:db8:1::10 1/4 label 22136 about udp [2001:db8:1::10]:1000 > [2001:db8:1::1]:9',
        ],
      ],
      { version: 6 },
    );
    expect(labels(lines).map(([first] = []) => first)).toEqual(['0', '22136']);
    expect(unwritten).toEqual([lines[0]]);
  });

  it('leave the line out, and that of an error which quotes it, where nothing tells', async () => {
    const { lines, unwritten } = await play(rules, [[0, 'eth0', SYN]], { version: 6 });
    expect(lines).toHaveLength(2);
    expect(unwritten).toEqual(lines);
  });
});

describe('what the host sends in IPv6', () => {
  const rules = (...lines: string[]): string =>
    `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${lines.map((l) => `-A ${l}\n`).join('')}COMMIT\n`;

  it('takes the device that asked for an advertisement to a link-local address, whatever the routes', async () => {
    const { lines } = await play(
      rules('OUTPUT -o eth1 -j LOG --log-prefix "eth1 "', 'OUTPUT -j LOG --log-prefix "other "'),
      [[0, '>eth1', 'icmp 2001:db8:1::1 > fe80::dea 136/0 ttl 255 len 20']],
      { version: 6 },
    );
    expect(lines[0]).toContain('eth1 IN= OUT=eth1');
  });

  it('has no flow label in a reset of REJECT, of what belongs to no connection too', async () => {
    const { lines, unwritten } = await play(
      rules('INPUT -p tcp -j REJECT --reject-with tcp-reset', 'OUTPUT -j LOG', 'OUTPUT -j DROP'),
      [[0, 'eth1', 'tcp [2001:db8:1::10]:1000 > [2001:db8:1::1]:80 FA seq 5 ack 7']],
      { version: 6 },
    );
    expect(lines.join()).toContain('FLOWLBL=0 PROTO=TCP SPT=80 DPT=1000 WINDOW=0 RES=0x00 RST');
    expect(unwritten).toEqual([]);
  });
});
