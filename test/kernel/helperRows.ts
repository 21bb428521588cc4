import type { LabSetup } from '../../src/lab/namespaces.js';
import { type Ends, packets, type Said, type Step, stream } from './helperTalks.js';
import { CALL, CALL_OVER_TCP, SIP_ROWS } from './sipRows.js';

/** A host's rules and what comes in. */
export interface HelperRow {
  readonly name: string;
  readonly family?: 4 | 6;
  readonly setups: readonly (string | LabSetup)[];
  readonly sysctls?: Readonly<Record<string, number>>;
  readonly steps: readonly Step[];
  /** What the kernel's log says matters. */
  readonly isAboutLog?: boolean;
}

const CLIENT = '192.168.1.10';
const SERVER = '198.51.100.9';
const HOST = '198.51.100.2';

/** Assigns a helper, and has every hook's view of what is related logged and counted. */
function watching(
  helper: string,
  protocol: 'tcp' | 'udp',
  port: number,
  more: readonly string[] = [],
): string[] {
  return [
    `iptables-legacy -t raw -A PREROUTING -p ${protocol} --dport ${port} -j CT --helper ${helper}`,
    `iptables-legacy -t raw -A OUTPUT -p ${protocol} --dport ${port} -j CT --helper ${helper}`,
    ...['FORWARD', 'INPUT'].flatMap((chain) => [
      `iptables-legacy -A ${chain} -m conntrack --ctstate RELATED -j LOG --log-prefix "helped related "`,
      `iptables-legacy -A ${chain} -m conntrack --ctstate NEW -j LOG --log-prefix "helped new "`,
      `iptables-legacy -A ${chain} -m conntrack --ctstate INVALID`,
      `iptables-legacy -A ${chain} -m helper --helper ${helper}`,
      `iptables-legacy -A ${chain} -m conntrack --ctstatus EXPECTED`,
      `iptables-legacy -A ${chain} -m conntrack --ctstatus ASSURED`,
    ]),
    ...more,
  ];
}

function u32(...words: number[]): Uint8Array {
  const bytes = Buffer.alloc(words.length * 4);
  words.forEach((word, i) => bytes.writeUInt32BE(word >>> 0, i * 4));
  return bytes;
}

const SANE: Ends = { client: ['eth1', CLIENT, 4000], server: ['eth0', SERVER, 6566] };
const scan = (port: number): string => `tcp ${CLIENT}:4001 > ${SERVER}:${port} S seq 5 win 1000`;

const SANE_ROWS: readonly HelperRow[] = [
  {
    name: 'sane',
    setups: watching('sane', 'tcp', 6566),
    steps: [
      ...stream(SANE, [
        ['>', u32(0, 0x01000003)],
        ['<', u32(0, 0x01000003, 0)],
        ['>', u32(7, 0)],
        ['<', u32(0, 5555, 0)],
      ]),
      ...packets(['eth1', scan(5556)], ['eth1', scan(5555)]),
    ],
  },
  {
    name: 'sane refuses, and starts no scan of another length',
    setups: watching('sane', 'tcp', 6566),
    steps: [
      ...stream(SANE, [
        ['>', u32(7, 0)],
        ['<', u32(4, 5555, 0)],
        ['>', u32(7, 0, 0)],
        ['<', u32(0, 5556)],
        ['>', u32(7, 0)],
        ['>', u32(6, 0)],
        ['<', u32(0, 5557)],
        ['>', u32(7, 0)],
        ['<', u32(0, 0x00010000 | 5558)],
      ]),
      ...packets(...[5555, 5556, 5557, 5558].map((port) => ['eth1', scan(port)] as const)),
    ],
  },
];

/** RFC 2637: a control message; what a row does not say is 0. */
function control(
  type: number,
  length: number,
  ...words: readonly (readonly [at: number, value: number])[]
): Uint8Array {
  const bytes = Buffer.alloc(12 + length);
  bytes.writeUInt16BE(12 + length, 0);
  bytes.writeUInt16BE(1, 2);
  bytes.writeUInt32BE(0x1a2b3c4d, 4);
  bytes.writeUInt16BE(type, 8);
  for (const [at, value] of words) bytes.writeUInt16BE(value, 12 + at);
  return bytes;
}

const PPTP: Ends = { client: ['eth1', CLIENT, 4000], server: ['eth0', SERVER, 1723] };
const started = [
  ['>', control(1, 144, [0, 0x100])],
  ['<', control(2, 144, [0, 0x100], [2, 0x100])],
] as const;
const called = [
  ...started,
  ['>', control(7, 156, [0, 77])],
  ['<', control(8, 20, [0, 99], [2, 77], [4, 0x100])],
] as const;
const toServer = (call: number, port?: number): readonly [string, string] => [
  'eth1',
  `gre ${CLIENT} > ${SERVER} call ${call} len ${port ?? 20}`,
];
const toClient = (call: number): readonly [string, string] => [
  'eth0',
  `gre ${SERVER} > ${CLIENT} call ${call} len 20`,
];

const PPTP_ROWS: readonly HelperRow[] = [
  {
    name: 'pptp, the client speaks first',
    setups: watching('pptp', 'tcp', 1723),
    steps: [
      ...stream(PPTP, called),
      ...packets(toServer(99), toClient(77), toServer(99), toClient(77), toServer(98), toClient(78)),
    ],
  },
  {
    name: 'pptp, the server speaks first',
    setups: watching('pptp', 'tcp', 1723),
    steps: [...stream(PPTP, called), ...packets(toClient(77), toServer(99), toClient(77), toServer(99))],
  },
  {
    name: 'pptp, an incoming call',
    setups: watching('pptp', 'tcp', 1723),
    steps: [
      ...stream(PPTP, [
        ...started,
        ['<', control(9, 208, [0, 99])],
        ['>', control(10, 12, [0, 77], [2, 99], [4, 0x100])],
        ['<', control(11, 16, [0, 77])],
      ]),
      ...packets(toServer(99), toClient(77)),
    ],
  },
  {
    name: 'pptp, refused, of another call, out of order, cut short',
    setups: watching('pptp', 'tcp', 1723),
    steps: [
      ...stream(PPTP, [
        ['>', control(7, 156, [0, 77])],
        ['<', control(8, 20, [0, 99], [2, 77], [4, 0x100])],
        ...started,
        ['<', control(8, 20, [0, 99], [2, 77], [4, 0x100])],
        ['>', control(7, 156, [0, 77])],
        ['<', control(8, 20, [0, 99], [2, 78], [4, 0x100])],
        ['<', control(8, 18, [0, 99], [2, 77], [4, 0x100])],
        ['<', control(8, 20, [0, 99], [2, 77], [4, 0x200])],
        ['<', control(8, 20, [0, 99], [2, 77], [4, 0x100])],
      ]),
      ...packets(toServer(99), toClient(77)),
    ],
  },
  {
    name: 'pptp, the call is ended',
    setups: watching('pptp', 'tcp', 1723),
    steps: [
      ...stream(PPTP, called),
      ...packets(toServer(99), toClient(77)),
      ...stream({ ...PPTP, client: ['eth1', CLIENT, 4002] }, [
        ...called.slice(0, 2),
        ['>', control(7, 156, [0, 87])],
        ['<', control(8, 20, [0, 89], [2, 87], [4, 0x100])],
        ['>', control(12, 4, [0, 87])],
        ['<', control(13, 136, [0, 89])],
      ]),
      ...packets(toServer(89), toClient(87), toServer(99), toClient(77)),
    ],
  },
  {
    name: 'pptp, the call is ended after its tunnel was up',
    setups: watching('pptp', 'tcp', 1723),
    steps: [
      ...stream(PPTP, [...called, ['>', new Uint8Array(1)]]).slice(0, -2),
      ...packets(toServer(99), toClient(77)),
      ...stream(PPTP, [...called, ['<', control(13, 136, [0, 99])]]).slice(-2),
      ...packets(toServer(99), toClient(77)),
    ],
  },
  {
    name: 'pptp, two calls of a connection',
    setups: watching('pptp', 'tcp', 1723),
    steps: [
      ...stream(PPTP, [
        ...called,
        ['<', control(8, 20, [0, 99], [2, 77], [4, 0x100])],
        ['>', control(7, 156, [0, 87])],
        ['<', control(8, 20, [0, 89], [2, 87], [4, 0x100])],
      ]),
      ...packets(toServer(89), toClient(87), toServer(99), toClient(77)),
    ],
  },
  {
    name: 'pptp, an ICMP error about the tunnel',
    setups: watching('pptp', 'tcp', 1723),
    steps: [
      ...stream(PPTP, called),
      ...packets(toServer(99), toClient(77)),
      ...packets(['eth0', `icmp ${SERVER} > ${CLIENT} 3/4 about gre ${CLIENT} > ${SERVER} call 99 len 20`]),
    ],
  },
  {
    name: 'pptp, the control connection is destroyed',
    setups: watching('pptp', 'tcp', 1723, [`iptables-legacy -A FORWARD -p tcp --tcp-flags RST RST`]),
    sysctls: { 'net.netfilter.nf_conntrack_tcp_timeout_close': 1 },
    steps: [
      ...stream(PPTP, called),
      ...packets(toServer(99), toClient(77)),
      ...packets(
        ['eth1', `tcp ${CLIENT}:4000 > ${SERVER}:1723 R seq ${1001 + 144 + 12 + 156 + 12}`],
        ['eth1', `tcp ${CLIENT}:4000 > ${SERVER}:1723 S seq 90000 win 1000`, 1500],
        toServer(99),
        toClient(77),
      ),
    ],
  },
];

const MASQUERADE = ['iptables-legacy -t nat -A POSTROUTING -o eth0 -j SNAT --to-source 198.51.100.2'];
const SHIFTED = [
  'iptables-legacy -t nat -A POSTROUTING -o eth0 -p tcp -j SNAT --to-source 198.51.100.2:7000-7000',
];
const behind = (port: number): Ends => ({ ...PPTP, clientSeen: [HOST, port] });
const calledBy = (id: number): readonly Said[] => [
  ...started,
  ['>', control(7, 156, [0, 77])],
  ['<', control(8, 20, [0, 99], [2, id], [4, 0x100])],
];
const toHost = (call: number): readonly [string, string] => [
  'eth0',
  `gre ${SERVER} > ${HOST} call ${call} len 20`,
];

const PPTP_NAT_ROWS: readonly HelperRow[] = [
  {
    name: 'pptp behind NAT, the client speaks first',
    setups: watching('pptp', 'tcp', 1723, MASQUERADE),
    steps: [
      ...stream(behind(4000), calledBy(4000)),
      ...packets(toServer(99), toHost(4000), toServer(99), toHost(77)),
    ],
  },
  {
    name: 'pptp behind NAT, the server speaks first',
    setups: watching('pptp', 'tcp', 1723, MASQUERADE),
    steps: [...stream(behind(4000), calledBy(4000)), ...packets(toHost(4000), toServer(99), toHost(4000))],
  },
  {
    name: 'pptp behind NAT with another port',
    setups: watching('pptp', 'tcp', 1723, SHIFTED),
    steps: [
      ...stream(behind(7000), [
        ...calledBy(7000),
        ['<', control(15, 12, [0, 7000])],
        ['>', control(12, 4, [0, 77])],
      ]),
      ...packets(toServer(99), toHost(7000), toServer(99)),
    ],
  },
  {
    name: 'pptp behind NAT, the call is ended',
    setups: watching('pptp', 'tcp', 1723, MASQUERADE),
    steps: [
      ...stream(behind(4000), [...calledBy(4000), ['>', new Uint8Array(1)]]).slice(0, -2),
      ...packets(toServer(99), toHost(4000)),
      ...stream(behind(4000), [...calledBy(4000), ['<', control(13, 136, [0, 99])]]).slice(-2),
      ...packets(toServer(99), toHost(4000)),
    ],
  },
  {
    name: 'pptp behind NAT, an incoming call',
    setups: watching('pptp', 'tcp', 1723, MASQUERADE),
    steps: [
      ...stream(behind(4000), [
        ...started,
        ['<', control(9, 208, [0, 99])],
        ['>', control(10, 12, [0, 77], [2, 99], [4, 0x100])],
        ['<', control(11, 16, [0, 77])],
      ]),
      ...packets(toHost(77), toServer(99), toHost(77)),
    ],
  },
  {
    name: 'pptp to a server behind NAT',
    setups: watching('pptp', 'tcp', 1723, [
      'iptables-legacy -t nat -A PREROUTING -i eth0 -p tcp --dport 1723 -j DNAT --to-destination 192.168.1.10',
    ]),
    steps: [
      ...stream(
        { client: ['eth0', SERVER, 4000], server: ['eth1', CLIENT, 1723], serverSeen: [HOST, 1723] },
        calledBy(4000),
      ),
      ...packets(
        ['eth0', `gre ${SERVER} > ${HOST} call 99 len 20`],
        ['eth1', `gre ${CLIENT} > ${SERVER} call 4000 len 20`],
      ),
    ],
  },
];

/** The host asks everybody on a link by a datagram, some seconds after the rules were loaded. */
function asks(port: number, from: string, to: string): LabSetup {
  const ask = [
    'import socket, time',
    'time.sleep(2)',
    's = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
    's.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)',
    `s.bind(("${from}", ${port}))`,
    `s.sendto(b"who is there?", ("${to}", ${port}))`,
  ].join('; ');
  return { command: `setsid python3 -c '${ask}' >/dev/null 2>&1 &`, input: '' };
}

const answer = (
  from: string,
  words = ':137 > 198.51.100.2:137',
  wait = 2,
): readonly [string, string, number] => ['eth0', `udp ${from}${words} len 20`, wait];
const ASKED = 3500;

const BROADCAST_ROWS: readonly HelperRow[] = [
  {
    name: 'netbios-ns, answers to a broadcast',
    setups: [...watching('netbios-ns', 'udp', 137), asks(137, HOST, '198.51.100.255')],
    steps: packets(
      answer(SERVER, undefined, ASKED),
      answer('198.51.100.10'),
      answer('198.51.100.1', ':138 > 198.51.100.2:137'),
      answer('198.51.100.1', ':137 > 198.51.100.2:138'),
      answer('203.0.113.5'),
      answer(SERVER),
    ),
  },
  {
    name: 'netbios-ns, three seconds later',
    setups: [...watching('netbios-ns', 'udp', 137), asks(137, HOST, '198.51.100.255')],
    steps: packets(answer(SERVER, undefined, ASKED + 2500)),
  },
  {
    name: 'netbios-ns, to one host, and to all of the world',
    setups: [
      ...watching('netbios-ns', 'udp', 137),
      asks(137, '198.51.100.3', SERVER),
      asks(137, HOST, '255.255.255.255'),
    ],
    steps: packets(
      answer('198.51.100.10', undefined, ASKED),
      answer('198.51.100.10', ':137 > 198.51.100.3:137'),
    ),
  },
  {
    name: 'netbios-ns, passing through',
    setups: watching('netbios-ns', 'udp', 137),
    steps: packets(
      ['eth1', `udp ${CLIENT}:137 > 198.51.100.255:137 len 20`],
      ['eth1', `udp ${CLIENT}:137 > ${SERVER}:137 len 20`],
      ['eth0', `udp 198.51.100.10:137 > ${CLIENT}:137 len 20`],
    ),
  },
  {
    name: 'snmp, answers to a broadcast',
    setups: [...watching('snmp', 'udp', 161), asks(161, HOST, '198.51.100.255')],
    steps: packets(
      answer(SERVER, ':161 > 198.51.100.2:161', ASKED),
      answer('198.51.100.10', ':161 > 198.51.100.2:161', 2500),
      answer('198.51.100.10', ':162 > 198.51.100.2:161'),
    ),
  },
];

/** Objects of nft that assign helpers, and rules that tell by them. */
const NFT = `table inet t {
  ct helper call { type "sip" protocol udp; l3proto ip; }
  ct helper stream { type "sip" protocol tcp; l3proto inet; }
  ct helper tunnel { type "pptp" protocol tcp; l3proto ip; }
  ct helper scan { type "sane" protocol tcp; l3proto inet; }
  chain assign { type filter hook prerouting priority -150;
    udp dport 5060 ct helper set "call"
    tcp dport 5060 ct helper set "stream"
    tcp dport 1723 ct helper set "tunnel"
    tcp dport 6566 ct helper set "scan"
  }
  chain forward { type filter hook forward priority 0;
    ct helper "sip" counter
    ct helper "pptp" counter
    ct helper "sane" counter
    ct state related counter
    ct status expected counter
    ct status assured counter
  }
}
`;
const byNft = (name: string, steps: readonly Step[]): HelperRow => ({
  name: `nft, ${name}`,
  setups: [{ command: 'nft -f -', input: NFT }],
  steps,
});
const NFT_ROWS: readonly HelperRow[] = [
  byNft('sip', CALL),
  byNft('sip over TCP', CALL_OVER_TCP),
  byNft('pptp', [...stream(PPTP, called), ...packets(toServer(99), toClient(77), toServer(99))]),
  byNft('sane', [
    ...stream(SANE, [
      ['>', u32(7, 0)],
      ['<', u32(0, 5555, 0)],
    ]),
    ...packets(['eth1', scan(5555)]),
  ]),
];

export const HELPER_ROWS: readonly HelperRow[] = [
  ...SANE_ROWS,
  ...PPTP_ROWS,
  ...PPTP_NAT_ROWS,
  ...BROADCAST_ROWS,
  ...NFT_ROWS,
  ...SIP_ROWS,
];
