import { describe, expect, it } from 'vitest';
import { setU32 } from '../../src/packet/bytes.js';
import { fillTransportChecksum } from '../../src/packet/checksum.js';
import { decodePacket, Packet } from '../../src/packet/packet.js';
import { play, type Sent } from './helpers/router.js';
import { packetOf } from './helpers/words.js';

const NOTHING = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n';
const HOST = '198.51.100.2';
const HOST_6 = '[2001:db8:100::2]';

/** Datagrams to a closed port, each from another sender unless told. */
const closed = (
  count: number,
  at: (n: number) => number,
  sender = (n: number) => `203.0.113.${n + 1}`,
): Sent[] =>
  Array.from({ length: count }, (_, n) => [
    at(n),
    'eth0',
    `udp ${sender(n)}:4000 > ${HOST}:9999 len 8 ipid ${n}`,
  ]);

const limits = (ofPeer: number, rate: number, burst: number): string[] => [
  `net.ipv4.icmp_ratelimit=${ofPeer}`,
  `net.ipv4.icmp_msgs_per_sec=${rate}`,
  `net.ipv4.icmp_msgs_burst=${burst}`,
];

describe('how many ICMP messages the host sends', () => {
  it('sends six errors to a peer at once, and one an interval after that', async () => {
    const one = (): string => '203.0.113.5';
    const { left } = await play(
      NOTHING,
      closed(40, (n) => n * 0.1, one),
      { sysctls: limits(1000, 10000, 10000) },
    );
    expect(left).toHaveLength(6 + 3);
  });

  it('takes what has no route out of the tokens of its sender twice: two of ten are told at once', async () => {
    // As Linux 6.18 did: five tokens for the routes, of which the message takes another one each.
    const lost = Array.from({ length: 10 }, (_, n): Sent => [
      n * 1e-3,
      'eth0',
      `udp 198.51.100.9:4000 > 172.31.0.1:9999 len 8 ipid ${n}`,
    ]);
    const { left } = await play(NOTHING, lost, { sysctls: limits(1000, 10000, 10000), routes: [] });
    expect(left).toHaveLength(2);
  });

  it('sends as many as net.ipv4.icmp_msgs_burst to all peers at once, and more 20 ms later', async () => {
    const sysctls = limits(0, 1000, 50);
    const { left, doubts } = await play(
      NOTHING,
      closed(200, (n) => n * 1e-5),
      { sysctls },
    );
    expect(left).toHaveLength(50);
    expect(doubts).toEqual([]);
    const later = await play(
      NOTHING,
      closed(200, (n) => n * 1e-5 + (n < 100 ? 0 : 0.03)),
      { sysctls },
    );
    // 28 ms are seven ticks.
    expect(later.left).toHaveLength(50 + 28);
  });

  it('believes the capture where chance decides', async () => {
    const answered = closed(60, (n) => n * 1e-4).flatMap((sent, n): Sent[] =>
      n < 44
        ? [
            sent,
            [
              sent[0] + 1e-5,
              '>eth0',
              `icmp ${HOST} > 203.0.113.${n + 1} 3/3 about udp 203.0.113.${n + 1}:4000 > ${HOST}:9999 len 8 ipid ${n}`,
            ],
          ]
        : [sent],
    );
    const { left } = await play(NOTHING, answered, { sysctls: limits(0, 1000, 50) });
    expect(left).toHaveLength(44);
  });

  it('takes no credit for what the limit of the peer held back', async () => {
    const many = closed(
      100,
      (n) => n * 1e-5,
      () => '203.0.113.5',
    );
    const others = closed(
      20,
      (n) => 0.002 + n * 1e-5,
      (n) => `203.0.113.${n + 10}`,
    );
    const { left } = await play(NOTHING, [...many, ...others], { sysctls: limits(1000, 1000, 50) });
    expect(left).toHaveLength(6 + 20);
  });

  it('sends none at all where none are allowed, and answers to echo requests nevertheless', async () => {
    const ping = (n: number): Sent => [0, 'eth0', `icmp 203.0.113.${n + 1} > ${HOST} 8/0 id 7 n 1 len 8`];
    const sysctls = limits(0, 0, 50);
    const { left } = await play(NOTHING, [...closed(3, () => 0), ping(0), ping(1)], { sysctls });
    expect(left).toEqual([
      `eth0 icmp ${HOST} > 203.0.113.1 0/0 ttl 64`,
      `eth0 icmp ${HOST} > 203.0.113.2 0/0 ttl 64`,
    ]);
    const limited = await play(NOTHING, [ping(0)], { sysctls: [...sysctls, 'net.ipv4.icmp_ratemask=6169'] });
    expect(limited.left).toEqual([]);
  });

  it('always tells that fragmentation is needed', async () => {
    const large: Sent[] = Array.from({ length: 20 }, (_, n) => [
      n * 1e-3,
      'eth1',
      `udp 192.168.1.10:4000 > 203.0.113.5:9999 len 1500 df ipid ${n}`,
    ]);
    const { left } = await play(NOTHING, large, { sysctls: limits(1000, 0, 50) });
    expect(left).toHaveLength(20);
  });

  it('limits the ICMPv6 messages that net.ipv6.icmp.ratemask names', async () => {
    const pings: Sent[] = Array.from({ length: 9 }, (_, n) => [
      n * 1e-3,
      'eth0',
      `icmp 2001:db8:77::1 > 2001:db8:100::2 128/0 id 7 n ${n} len 8`,
    ]);
    const sysctls = ['net.ipv6.icmp.ratelimit=1000', 'net.ipv6.icmp.ratemask=0-1,3-127'];
    expect((await play(NOTHING, pings, { sysctls, version: 6 })).left).toHaveLength(9);
    sysctls[1] = 'net.ipv6.icmp.ratemask=0-129';
    expect((await play(NOTHING, pings, { sysctls, version: 6 })).left).toHaveLength(6);
  });
});

describe('what the host answers with', () => {
  const MARKS = `*mangle
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -j MARK --set-mark 7
-A OUTPUT -m mark --mark 0x7 -j LOG --log-prefix marked
-A OUTPUT -m mark --mark 0x0 -j LOG --log-prefix plain
COMMIT
*filter
:INPUT ACCEPT [0:0]
-A INPUT -p tcp --dport 1111 -j REJECT --reject-with tcp-reset
-A INPUT -p tcp --dport 1112 -j REJECT
COMMIT
`;

  it.each([4, 6] as const)('marks it as what it answers by net.ipv%d.fwmark_reflect', async (version) => {
    const [us, them] = version === 4 ? [HOST, '203.0.113.5'] : [HOST_6, '[2001:db8:77::1]'];
    const plain = (address: string): string => address.replace(/[[\]]/g, '');
    const packets: Sent[] = [
      [0, 'eth0', `icmp ${plain(them)} > ${plain(us)} ${version === 4 ? 8 : 128}/0 id 7 n 1 len 8`],
      [1, 'eth0', `udp ${them}:5 > ${us}:9 len 8`],
      [2, 'eth0', `tcp ${them}:5 > ${us}:9 S seq 1`],
      [3, 'eth0', `tcp ${them}:5 > ${us}:1111 S seq 1`],
      [4, 'eth0', `tcp ${them}:5 > ${us}:1112 S seq 1`],
    ];
    const reflect = (on: number): string[] => [`net.ipv${version}.fwmark_reflect=${on}`];
    const marked = await play(MARKS, packets, { version, sysctls: reflect(1) });
    expect(marked.logged).toEqual(packets.map(() => 'marked'));
    const not = await play(MARKS, packets, { version, sysctls: reflect(0) });
    expect(not.logged).toEqual(packets.map(() => 'plain'));
  });

  it('gives it the TTL or hop limit of the host', async () => {
    const sysctls = ['net.ipv4.ip_default_ttl=99', 'net.ipv6.conf.eth0.hop_limit=77'];
    const four = await play(NOTHING, [[0, 'eth0', `tcp 203.0.113.5:5 > ${HOST}:9 S seq 1`]], { sysctls });
    expect(four.left).toEqual([`eth0 tcp ${HOST}:9 > 203.0.113.5:5 ttl 99`]);
    const six = await play(NOTHING, [[0, 'eth0', `tcp [2001:db8:77::1]:5 > ${HOST_6}:9 S seq 1`]], {
      sysctls,
      version: 6,
    });
    expect(six.left[0]).toMatch(/ ttl 77$/);
  });

  it('sends errors from where the packet came in by net.ipv4.icmp_errors_use_inbound_ifaddr', async () => {
    const spent: Sent[] = [[0, 'eth1', 'udp 203.0.113.5:4000 > 203.0.113.9:9999 len 8 ttl 1']];
    const name = 'net.ipv4.icmp_errors_use_inbound_ifaddr';
    const of = async (on: number): Promise<readonly string[]> =>
      (await play(NOTHING, spent, { sysctls: [`${name}=${on}`] })).left;
    expect(await of(0)).toEqual([`eth0 icmp ${HOST} > 203.0.113.5 11/0 ttl 64`]);
    expect(await of(1)).toEqual(['eth0 icmp 192.168.1.1 > 203.0.113.5 11/0 ttl 64']);
  });

  it('tells the answers to two pings of one connection apart, of which one was dropped', async () => {
    const rules = `*filter
:OUTPUT ACCEPT [0:0]
-A OUTPUT -j LOG
-A OUTPUT -m length --length 36 -m tos --tos 0x10 -j DROP
COMMIT
`;
    const ping = (sequence: number, tos: number): string =>
      `icmp 203.0.113.5 > ${HOST} 8/0 id 7 n ${sequence} len 8 tos ${tos}`;
    const { lines } = await play(rules, [
      [0, 'eth0', ping(1, 0x10)],
      [0.002, 'eth0', ping(2, 0)],
      [0.0021, '>eth0', `icmp ${HOST} > 203.0.113.5 0/0 id 7 n 2 len 8 ipid 4321`],
    ]);
    expect(lines.map((line) => /ID=\d+ /.exec(line)?.[0])).toEqual(['ID=0 ', 'ID=4321 ']);
  });

  it('takes what it passes on for no answer of its own', async () => {
    const rules = `*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -d 192.168.1.11 -p icmp -j REDIRECT
COMMIT
*filter
:OUTPUT ACCEPT [0:0]
-A OUTPUT -j LOG
-A OUTPUT -j DROP
COMMIT
`;
    const reply = 'icmp 192.168.1.11 > 203.0.113.5 0/0 id 7 n 1 len 8 ipid 4321';
    const { lines } = await play(rules, [
      [0, 'eth0', 'icmp 203.0.113.5 > 192.168.1.11 8/0 id 7 n 1 len 8'],
      [0.002, 'eth1', `${reply} ttl 64`],
      [0.0021, '>eth0', `${reply} ttl 63`],
    ]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`SRC=${HOST} DST=203.0.113.5 LEN=36 TOS=0x00 PREC=0x00 TTL=64 ID=0 `);
  });

  it.each([
    ['by its TTL', ''],
    ['by its number, where rules may have set the TTL', '*mangle\n-A FORWARD -j TTL --ttl-set 64\nCOMMIT\n'],
  ])('knows a reset that it passes on with its own address from one of its own %s', async (_, more) => {
    // The host answers what belongs to no connection; the reset from behind DNAT comes later.
    const rules = `*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -d ${HOST} -p tcp --syn -j DNAT --to-destination 192.168.1.11
COMMIT
*filter
:OUTPUT ACCEPT [0:0]
-A OUTPUT -j LOG
-A OUTPUT -j DROP
COMMIT
`;
    const { lines } = await play(more + rules, [
      [0, 'eth0', `tcp 203.0.113.5:4 > ${HOST}:53 A seq 1 ack 77`],
      [0.001, 'eth0', `tcp 203.0.113.5:4 > ${HOST}:53 S seq 1`],
      [0.002, 'eth1', 'tcp 192.168.1.11:53 > 203.0.113.5:4 R seq 77 win 0 ipid 4321 ttl 64'],
      [0.0021, '>eth0', `tcp ${HOST}:53 > 203.0.113.5:4 R seq 77 win 0 ipid 4321 ttl 63`],
    ]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(' TTL=64 ID=0 ');
  });

  it('tells errors about two datagrams apart by what they quote', async () => {
    const rules = `*filter
:OUTPUT ACCEPT [0:0]
-A OUTPUT -j LOG
-A OUTPUT -d 2001:db8:77::1 -j DROP
COMMIT
`;
    const summed = (bytes: Uint8Array, change: (packet: Packet) => void): Uint8Array => {
      const packet = decodePacket(bytes);
      if (!(packet instanceof Packet)) throw new Error(packet);
      packet.own();
      change(packet);
      fillTransportChecksum(packet);
      return packet.data;
    };
    const ask = (client: number): string => `udp [2001:db8:77::${client}]:5 > ${HOST_6}:9 len 8`;
    const asks = [1, 2].map((client) =>
      summed(packetOf(ask(client)), ({ data }) => (data[data.length - client] = 7)),
    );
    const quote = `icmp ${HOST_6.slice(1, -1)} > 2001:db8:77::2 1/4 about ${ask(2)}`;
    const error = summed(packetOf(quote), ({ data }) => {
      data.set(asks[1], 48);
      setU32(data, 0, 0x60012345);
    });
    const { lines, unwritten } = await play(
      rules,
      [
        [0, 'eth0', asks[0]],
        [0.002, 'eth0', asks[1]],
        [0.0021, '>eth0', error],
      ],
      { version: 6 },
    );
    expect(unwritten).toEqual([lines[0]]);
    expect(lines[1]).toContain(`FLOWLBL=${0x12345} `);
  });

  it('has the device of what the kernel makes for a link from the first on', async () => {
    const rules = '*mangle\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j LOG\nCOMMIT\n';
    const { lines } = await play(
      rules,
      [
        [0, '>eth0', 'icmp 2001:db8:100::2 > ff02::1:ff00:255 135/0 len 16'],
        [1, '>eth0', 'icmp 2001:db8:100::2 > 2001:db8:77::1 128/0 id 1 n 1 len 8'],
      ],
      { version: 6 },
    );
    expect(lines.map((line) => line.split(' SRC=')[0])).toEqual(['IN=eth0 OUT=eth0 MAC=', 'IN= OUT=eth0']);
  });

  it('tracks an error about what is not tracked, whatever NOTRACK says of it', async () => {
    const rules = `*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p icmp -j NOTRACK
-A OUTPUT -j NOTRACK
COMMIT
*mangle
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -m conntrack --ctstate UNTRACKED -j LOG --log-prefix untracked
-A POSTROUTING -m conntrack --ctstate INVALID -j LOG --log-prefix invalid
COMMIT
`;
    const { logged } = await play(rules, [
      [0, 'eth1', 'icmp 192.168.1.11 > 203.0.113.77 8/0 id 7 n 1 len 8 ttl 1'],
      [1, 'eth1', 'icmp 192.168.1.11 > 192.168.1.1 8/0 id 8 n 1 len 8'],
    ]);
    expect(logged).toEqual(['invalid', 'untracked']);
  });
});

describe('what the host could not send, as the error that it got over lo tells', () => {
  const about = (code: string): Sent => [
    0,
    '>lo',
    `icmp ${HOST} > ${HOST} ${code} about udp ${HOST}:5000 > 203.0.113.5:53 len 8 ipid 9`,
  ];
  const LOG = (rules: string): string =>
    `*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]
-A INPUT -j LOG --log-prefix "told "
-A OUTPUT -p icmp -j LOG --log-prefix "tells "
-A OUTPUT -p udp -j LOG --log-prefix "sends "
${rules}COMMIT\n`;

  it('was rejected in OUTPUT', async () => {
    const { logged, lines, doubts, saved } = await play(LOG('-A OUTPUT -p udp -j REJECT\n'), [about('3/3')]);
    expect(logged).toEqual(['sends tells told']);
    expect(lines[0]).toBe(
      `sends IN= OUT=eth0 SRC=${HOST} DST=203.0.113.5 LEN=36 TOS=0x00 PREC=0x00 TTL=64 ID=9 PROTO=UDP SPT=5000 DPT=53 LEN=16`,
    );
    expect(doubts).toEqual([null, null, null]);
    expect(saved).toContain('[1:36] -A OUTPUT -p udp -j REJECT');
  });

  it('found no neighbour', async () => {
    const { logged, connections } = await play(LOG(''), [about('3/1')]);
    expect(logged).toEqual(['sends tells told']);
    expect(connections).toEqual([]);
  });

  it('is not run again where it went to the host itself', async () => {
    const closed = `udp ${HOST}:5000 > ${HOST}:53 len 8 ipid 9`;
    const error: Sent = [0, '>lo', `icmp ${HOST} > ${HOST} 3/3 about ${closed}`];
    const { logged } = await play(LOG(''), [[0, '>lo', closed], error]);
    expect(logged.join()).toBe('sends told tells told,');
  });
});
