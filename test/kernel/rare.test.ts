import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { agreementText, compareRecording } from '../../src/lab/agreement.js';
import { ipPacket } from '../../src/lab/craft.js';
import { missingForLab } from '../../src/lab/namespaces.js';
import { record } from '../../src/lab/record.js';
import { checksum } from '../../src/packet/checksum.js';
import { packetOf } from '../engine/helpers/words.js';
import { hostInSix } from './six.js';
import { INTERFACES, NEIGHBOURS, POLICY, ROUTES, SYSCTLS } from './topology.js';

/*
 * What random scenarios do not come by: targets, matches and sysctls that few hosts have, each with packets that tell whether
 * the simulation does with them what this kernel does, by counters, connections and packets sent.
 */

interface Row {
  readonly name: string;
  readonly family: 4 | 6;
  /** Commands in the host, before the packets come. */
  readonly setups: readonly string[];
  readonly packets: readonly (readonly [device: string, words: string | Uint8Array])[];
  readonly sysctls?: Readonly<Record<string, number>>;
}

const MANGLE = 'iptables-legacy -t mangle -A';
const MANGLE_6 = 'ip6tables-legacy -t mangle -A';
/** Rules that count what has which mark, or which address, at a hook. */
const counting = (command: string, chain: string, asks: readonly string[]): string[] =>
  asks.map((ask) => `${command} ${chain} ${ask}`);

const LAN = '192.168.1.10';
const WAN = '203.0.113.77';
const HOST = '198.51.100.2';
const LAN_6 = '2001:db8:1::10';
const WAN_6 = '2001:db8:ffff::77';
const HOST_6 = '2001:db8:100::2';

function ipcomp(source: string, destination: string, reserved: number, index: number): Uint8Array {
  const header = [17, reserved, index >> 8, index & 255];
  return ipPacket({ source, destination }, 108, Uint8Array.from([...header, 1, 2, 3, 4, 5, 6, 7, 8]));
}

/** A segment routing header (RFC 8754) before a datagram. */
function routed(left: number, segments: readonly string[], tag = 0, type = 4): Uint8Array {
  const plain = packetOf(`udp [${WAN_6}]:5 > [${LAN_6}]:9 len 8`);
  const list = segments.flatMap((s) => [...packetOf(`udp [${s}]:1 > [${s}]:1`).subarray(8, 24)]);
  const header = [17, segments.length * 2, type, left, segments.length - 1, 0, tag >> 8, tag & 255, ...list];
  const bytes = Uint8Array.from([...plain.subarray(0, 40), ...header, ...plain.subarray(40)]);
  new DataView(bytes.buffer).setUint16(4, bytes.length - 40);
  bytes[6] = 43;
  return bytes;
}

/** A packet of IPv4 with options, given in hex, behind its header. */
function withOptions(words: string, options: string): Uint8Array {
  const plain = packetOf(words);
  const bytes = Uint8Array.from([
    ...plain.subarray(0, 20),
    ...Buffer.from(options, 'hex'),
    ...plain.subarray(20),
  ]);
  bytes[0] = 0x45 + options.length / 8;
  const view = new DataView(bytes.buffer);
  view.setUint16(2, bytes.length);
  view.setUint16(10, 0);
  view.setUint16(10, checksum(bytes, 0, 20 + options.length / 2));
  return bytes;
}

/** Every hook counts the packets whose second word of options is one of these: what was recorded, where the pointer stands. */
const countingOptions = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'].flatMap((chain) =>
  counting(
    MANGLE,
    chain,
    ['20=0x070F0400', '20=0x070F08C6', '20=0x070F08C0', '20=0x070F0CC6', '20=0x830704C0', '20=0'].map(
      (test) => `-m u32 --u32 "0>>24&0xF=6:15 && ${test}"`,
    ),
  ),
);

const answers = (family: 4 | 6): Row['packets'] => {
  const [them, us, echo] = family === 4 ? [WAN, HOST, '8/0'] : [`[${WAN_6}]`, `[${HOST_6}]`, '128/0'];
  const plain = (address: string): string => address.replace(/[[\]]/g, '');
  return [
    ['eth0', `icmp ${plain(them)} > ${plain(us)} ${echo} id 7 n 1 len 8`],
    ['eth0', `udp ${them}:5 > ${us}:9 len 8`],
    ['eth0', `tcp ${them}:5 > ${us}:9 S seq 1`],
    ['eth0', `tcp ${them}:5 > ${us}:1111 S seq 1`],
    ['eth0', `tcp ${them}:5 > ${us}:1112 S seq 1`],
  ];
};

const reflected = (family: 4 | 6): Row => {
  const command = family === 4 ? 'iptables-legacy' : 'ip6tables-legacy';
  return {
    name: `answers with the mark of what they answer, IPv${family}`,
    family,
    setups: [
      `${command} -t mangle -A PREROUTING -j MARK --set-mark 7`,
      ...counting(`${command} -t mangle -A`, 'OUTPUT', ['-m mark --mark 7', '-m mark --mark 0']),
      `${command} -A INPUT -p tcp --dport 1111 -j REJECT --reject-with tcp-reset`,
      `${command} -A INPUT -p tcp --dport 1112 -j REJECT`,
    ],
    packets: answers(family),
    sysctls: { [`net.ipv${family}.fwmark_reflect`]: 1 },
  };
};

/** The stack sends by sockets of its own, whose owner is nobody. */
const owned = (family: 4 | 6): Row => {
  const command = family === 4 ? 'iptables-legacy' : 'ip6tables-legacy';
  const icmp = family === 4 ? '-p icmp' : '-p icmpv6 ! --icmpv6-type 135';
  const asks = ['--socket-exists', '! --socket-exists', '--uid-owner 0', '! --uid-owner 5'];
  return {
    name: `answers by sockets of its own, IPv${family}`,
    family,
    setups: [
      `${command} -A INPUT -m recent --name seen --set`,
      `${command} -A INPUT -p tcp --dport 1111 -j REJECT --reject-with tcp-reset`,
      `${command} -A INPUT -p tcp --dport 1112 -j REJECT`,
      ...[icmp, '-p tcp --sport 9', '-p tcp --sport 1111'].flatMap((what) => [
        ...counting(
          `${command} -A`,
          'OUTPUT',
          asks.map((ask) => `${what} -m owner ${ask}`),
        ),
        `${command} -A OUTPUT ${what} -m recent --name seen --rcheck --rttl --rdest`,
      ]),
    ],
    packets: answers(family),
  };
};

const ROWS: readonly Row[] = [
  reflected(4),
  reflected(6),
  owned(4),
  owned(6),
  {
    name: 'answers with a TTL of their own',
    family: 4,
    setups: counting(MANGLE, 'OUTPUT', ['-m ttl --ttl-eq 99']),
    packets: answers(4),
    sysctls: { 'net.ipv4.ip_default_ttl': 99 },
  },
  {
    name: 'answers with a hop limit of their own',
    family: 6,
    setups: counting(MANGLE_6, 'OUTPUT', ['-m hl --hl-eq 99']),
    packets: answers(6),
    sysctls: { 'net.ipv6.conf.eth0.hop_limit': 99 },
  },
  {
    name: 'errors from the address of where the packet came in',
    family: 4,
    setups: counting(MANGLE, 'OUTPUT', [`-s 192.168.1.1`, `-s ${HOST}`]),
    packets: [
      ['eth1', `udp ${WAN}:5 > 203.0.113.9:9 len 8 ttl 1`],
      ['eth1', `udp ${LAN}:5 > 203.0.113.9:9 len 8 ttl 1`],
      ['eth0', `udp ${WAN}:5 > ${LAN}:9 len 8 ttl 1`],
    ],
    sysctls: { 'net.ipv4.icmp_errors_use_inbound_ifaddr': 1 },
  },
  ...['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'].map((chain): Row => ({
    name: `copies of TEE in ${chain}`,
    family: 4,
    setups: [
      `${MANGLE} ${chain} -j TEE --gateway 192.168.1.11`,
      ...['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'].flatMap((hook) =>
        counting(MANGLE, hook, ['-m conntrack --ctstate UNTRACKED', '-m ttl --ttl-eq 49']),
      ),
      'iptables-legacy -t nat -A POSTROUTING -o eth0 -j MASQUERADE',
    ],
    packets: [
      ['eth0', `udp ${WAN}:5 > ${LAN}:9 len 8 ttl 50`],
      ['eth0', `udp ${WAN}:6 > ${LAN}:9 len 8 ttl 1`],
      ['eth0', `udp ${WAN}:5 > ${HOST}:9 len 8 ttl 50`],
      ['eth1', `tcp ${LAN}:5 > ${WAN}:80 S seq 1 ttl 50`],
    ],
  })),
  {
    name: 'copies of TEE over IPv6',
    family: 6,
    setups: [
      `${MANGLE_6} PREROUTING -j TEE --gateway 2001:db8:1::11`,
      ...counting(MANGLE_6, 'OUTPUT', ['-m conntrack --ctstate UNTRACKED', '-m hl --hl-eq 49']),
    ],
    packets: [
      ['eth0', `udp [${WAN_6}]:5 > [${LAN_6}]:9 len 8 ttl 50`],
      ['eth0', `udp [${WAN_6}]:5 > [${HOST_6}]:9 len 8 ttl 50`],
    ],
  },
  {
    name: 'marks that a set maps to',
    family: 4,
    setups: [
      'ipset create k hash:ip skbinfo',
      `ipset add k ${WAN} skbmark 0x12/0xff`,
      'ipset add k 203.0.113.5 skbmark 0x34',
      `ipset add k ${LAN}`,
      `${MANGLE} PREROUTING -j MARK --set-mark 0xabcd`,
      `${MANGLE} PREROUTING -j SET --map-set k src --map-mark`,
      ...counting(
        MANGLE,
        'FORWARD',
        [0xab12, 0x34, 0xabcd, 0].map((mark) => `-m mark --mark ${mark}`),
      ),
    ],
    packets: [
      ['eth0', `udp ${WAN}:5 > ${LAN}:9 len 8`],
      ['eth0', `udp 203.0.113.5:5 > ${LAN}:9 len 8`],
      ['eth0', `udp 198.51.100.9:5 > ${LAN}:9 len 8`],
      ['eth1', `udp ${LAN}:5 > ${WAN}:9 len 8`],
    ],
  },
  {
    // The first packets bring the average to some 400 a second, of 1200 bytes; when the timer ticks does not matter then.
    name: 'rates that RATEEST measures',
    family: 4,
    setups: [
      `${MANGLE} PREROUTING -j RATEEST --rateest-name all --rateest-interval 250ms --rateest-ewmalog 500ms`,
      `${MANGLE} PREROUTING -p udp --dport 9 -j RATEEST --rateest-name few --rateest-interval 250ms --rateest-ewmalog 500ms`,
      ...counting(
        MANGLE,
        'FORWARD',
        [
          ...['--rateest all --rateest-gt --rateest-pps 50', '--rateest all --rateest-lt --rateest-pps 5000'],
          ...['--rateest all ! --rateest-gt --rateest-pps 50', '--rateest all --rateest-eq --rateest-pps 0'],
          ...[
            '--rateest all --rateest-gt --rateest-bps 100kbit',
            '--rateest all --rateest-gt --rateest-bps 1gbit',
          ],
          ...['--rateest1 all --rateest-gt --rateest2 few --rateest-pps'],
          ...['--rateest1 all --rateest-lt --rateest2 few --rateest-bps'],
          ...['--rateest-delta --rateest all --rateest-pps1 20 --rateest-gt --rateest-pps2 0'],
          ...['--rateest-delta --rateest all --rateest-pps1 50000 --rateest-gt --rateest-pps2 1000'],
        ].map((ask) => `-p udp --dport 9 -m rateest ${ask}`),
      ),
    ],
    packets: [
      ...Array.from({ length: 500 }, (): Row['packets'][number] => [
        'eth0',
        `udp ${WAN}:5 > ${LAN}:8 len 1172`,
      ]),
      ...Array.from({ length: 5 }, (): Row['packets'][number] => ['eth0', `udp ${WAN}:5 > ${LAN}:9 len 8`]),
    ],
  },
  ...[0, 1].map((accepts): Row => ({
    name: `IP options, source routes ${accepts ? 'taken' : 'refused'}`,
    family: 4,
    setups: [
      ...countingOptions,
      'iptables-legacy -A INPUT -p tcp --dport 1111 -j REJECT --reject-with tcp-reset',
      'iptables-legacy -A FORWARD -p udp --dport 1111 -j REJECT',
    ],
    packets: [
      ...[
        '070F0400000000000000000000000000',
        '070B06000000000000000000',
        '830704C0A8010B00',
        '890704C0A8010B00',
      ],
      ...[
        '00010203',
        '94040000',
        '07010000',
        '070B040000000000000000070B0400000000000000000000',
        '440809F000000000',
      ],
    ].flatMap((options, i): Row['packets'] =>
      [
        ...[
          `udp ${WAN}:5 > ${LAN}:9 len 8`,
          `udp ${WAN}:5 > ${HOST}:9 len 8`,
          `udp ${WAN}:5 > ${LAN}:9 len 8 ttl 1`,
        ],
        ...[
          `udp ${WAN}:5 > ${LAN}:1111 len 8`,
          `tcp ${WAN}:5 > ${HOST}:9 S seq 1`,
          `tcp ${WAN}:5 > ${HOST}:1111 S seq 1`,
        ],
        `icmp ${WAN} > ${HOST} 8/0 id 7 n 1 len 8`,
      ].map((words, j) => ['eth0', withOptions(`${words} ipid ${100 * (i + 1) + j}`, options)]),
    ),
    sysctls: {
      'net.ipv4.conf.all.accept_source_route': accepts,
      'net.ipv4.conf.eth0.accept_source_route': accepts,
    },
  })),
  {
    name: 'IPComp by its index and reserved bits',
    family: 4,
    setups: counting('iptables-legacy -A', 'FORWARD', [
      '-p 108 -m ipcomp --ipcompspi 5',
      '-p 108 -m ipcomp --ipcompspi 6:9',
      '-p 108 -m ipcomp ! --ipcompspi 0:7',
      '-p 108 -m ipcomp --ipcompspi 0:65535 --compres',
      '-p 108',
    ]),
    packets: [
      ['eth0', ipcomp(WAN, LAN, 0, 5)],
      ['eth0', ipcomp(WAN, LAN, 1, 8)],
      ['eth0', ipcomp(WAN, LAN, 0, 40000)],
      ['eth0', packetOf(`ip ${WAN} > ${LAN} proto 108 len 2`)],
    ],
  },
  {
    name: 'segment routing headers',
    family: 6,
    setups: counting('ip6tables-legacy -A', 'FORWARD', [
      '-m srh --srh-segs-left-eq 1',
      '-m srh --srh-last-entry-eq 2',
      '-m srh --srh-segs-left-gt 0 --srh-last-entry-lt 2',
      '-m srh --srh-tag 7',
      '-m srh ! --srh-tag 7',
      '-m srh --srh-psid 2001:db8:a::3/128',
      '-m srh --srh-nsid 2001:db8:a::1/128',
      '-m srh --srh-lsid 2001:db8:a::/48',
      '-m srh ! --srh-nsid 2001:db8:a::/48',
      '-m srh',
      '-m rt --rt-type 4',
    ]),
    packets: [
      ['eth0', routed(1, ['2001:db8:a::1', '2001:db8:a::2', '2001:db8:a::3'], 7)],
      ['eth0', routed(2, ['2001:db8:a::1', '2001:db8:a::2', '2001:db8:a::3'])],
      ['eth0', routed(1, ['2001:db8:b::1', '2001:db8:a::2'])],
      ['eth0', routed(3, ['2001:db8:a::1', '2001:db8:a::2'])],
      ['eth0', routed(1, ['2001:db8:a::1'], 0, 2)],
      ['eth0', `udp [${WAN_6}]:5 > [${LAN_6}]:9 len 8`],
    ],
  },
  {
    name: 'prefixes of SNPT and DNPT, and errors about them',
    family: 6,
    setups: [
      `${MANGLE_6} POSTROUTING -s 2001:db8:1::/64 -o eth0 -j SNPT --src-pfx 2001:db8:1::/64 --dst-pfx 2001:db8:cafe:7::/64`,
      `${MANGLE_6} PREROUTING -d 2001:db8:cafe:7::/64 -i eth0 -j DNPT --src-pfx 2001:db8:cafe:7::/64 --dst-pfx 2001:db8:1::/64`,
      `${MANGLE_6} PREROUTING -d 2001:db8:beef::/48 -i eth0 -j DNPT --src-pfx 2001:db8:beef::/48 --dst-pfx fd00:17::/48`,
      ...counting(MANGLE_6, 'FORWARD', ['-d 2001:db8:1::/64', '-d fd00:17::/64', '-s 2001:db8:1::/64']),
    ],
    packets: [
      ['eth1', `udp [${LAN_6}]:5 > [${WAN_6}]:9 len 8`],
      ['eth1', `tcp [2001:db8:1::11]:5 > [${WAN_6}]:80 S seq 1`],
      ['eth0', `udp [${WAN_6}]:9 > [2001:db8:cafe:7:30f6:0:0:10]:5 len 8`],
      ['eth0', `udp [${WAN_6}]:9 > [2001:db8:beef:1::2]:5 len 8`],
      ['eth0', `udp [${WAN_6}]:9 > [2001:db8:cafe:7:ffff:ffff:ffff:ffff]:5 len 8`],
      [
        'eth0',
        `icmp ${WAN_6} > 2001:db8:cafe:7:30f6:0:0:10 1/4 about udp [2001:db8:cafe:7:30f6:0:0:10]:5 > [${WAN_6}]:9 len 8`,
      ],
      ['eth1', `icmp ${LAN_6} > ${WAN_6} 1/4 about udp [${WAN_6}]:9 > [${LAN_6}]:5 len 8`],
    ],
  },
  {
    name: 'SCTP out of the blue',
    family: 4,
    setups: counting(
      MANGLE,
      'PREROUTING',
      ['INVALID', 'NEW', 'ESTABLISHED'].map((s) => `-m conntrack --ctstate ${s}`),
    ),
    packets: [5, 6].flatMap((port): Row['packets'] => {
      const there = `sctp ${LAN}:${port} > ${WAN}:80 tag 9`;
      const back = `sctp ${WAN}:80 > ${LAN}:${port} tag`;
      return [
        ['eth1', `${there} ${port === 5 ? 'HEARTBEAT-ACK' : 'SHUTDOWN-ACK'}`],
        ['eth0', `${back} 9 DATA`],
        ['eth0', `${back} 0 DATA`],
        ['eth1', `${there} DATA`],
      ];
    }),
  },
];

const missing = missingForLab();
const why = missing ? ` (${missing})` : '';

describe.skipIf(missing !== null)(`this kernel agrees about what is rare${why}`, () => {
  it.each(ROWS)('$name', { timeout: 60_000 }, async ({ family, setups, packets, sysctls }) => {
    const directory = mkdtempSync(join(tmpdir(), 'nfreplay-rare-'));
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
            setups: setups.map((command) => ({ command, input: '' })),
          },
          packets: packets.map(([device, words]) => ({
            wait: 2000,
            interface: device,
            bytes: typeof words === 'string' ? packetOf(words) : words,
          })),
          isOurs: null,
        },
        directory,
      );
      expect(agreementText(await compareRecording(directory))).toBe('');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
