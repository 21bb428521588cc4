import { describe, expect, it } from 'vitest';
import { play, type Sent } from '../../helpers/router.js';

const rules = (nat = ''): string => `*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p udp --dport 69 -j CT --helper tftp
-A PREROUTING -p tcp --dport 21 -j CT --helper ftp
-A PREROUTING -p udp --dport 1719 -j CT --helper RAS
-A PREROUTING -p tcp --dport 6667 -j CT --helper irc
-A PREROUTING -p udp --dport 10080 -j CT --helper amanda
COMMIT
${nat && `*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n${nat}\nCOMMIT\n`}*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate RELATED -j LOG --log-prefix "R"
-A FORWARD -m conntrack --ctstate NEW -j LOG --log-prefix "N"
-A FORWARD -m helper --helper ftp -j LOG --log-prefix "ftp"
-A FORWARD -m helper --helper tftp -j LOG --log-prefix "tftp"
COMMIT
`;

const CLIENT = '192.168.1.10';
const SERVER = '198.51.100.9';

describe('tftp', () => {
  const ask = (payload: string, sport = 5555): Sent => [
    0,
    'eth1',
    `udp ${CLIENT}:${sport} > ${SERVER}:69 says "${payload}"`,
  ];
  const send = (at: number, to = `${CLIENT}:5555`): Sent => [
    at,
    'eth0',
    `udp ${SERVER}:40000 > ${to} len 20`,
  ];
  const READ = '\\u0000\\u0001name\\u0000octet\\u0000';

  it.each([
    [READ, 1, 'R tftp'],
    ['\\u0000\\u0002name\\u0000octet\\u0000', 1, 'R tftp'],
    ['\\u0000\\u0003data', 1, 'N'],
    ['\\u0000', 1, 'N'],
    [READ, 299, 'R tftp'],
  ])('what %j says and comes %d s later', async (payload, at, expected) => {
    const sysctls = ['net.netfilter.nf_conntrack_udp_timeout=600'];
    const { logged } = await play(rules(), [ask(payload), send(at)], { sysctls });
    expect(logged).toEqual(['N', expected]);
  });

  it('expects it five minutes at most, and no longer than its own connection lasts', async () => {
    const sysctls = ['net.netfilter.nf_conntrack_udp_timeout=600'];
    expect((await play(rules(), [ask(READ), send(301)], { sysctls })).logged[1]).toBe('N');
    expect((await play(rules(), [ask(READ), send(91)])).logged[1]).toBe('N');
    // An entry that is over stays until somebody comes by.
    expect(await play(rules(), [ask(READ), send(31)])).toMatchObject({
      logged: ['N', 'R tftp'],
      doubts: [null, expect.stringContaining('cleared away'), expect.anything()],
    });
  });

  it('is met once', async () => {
    const again: Sent = [2, 'eth0', `udp ${SERVER}:40001 > ${CLIENT}:5555 len 20`];
    expect((await play(rules(), [ask(READ), send(1), again])).logged).toEqual(['N', 'R tftp', 'N']);
  });

  it('has its answer translated as the question was', async () => {
    const { logged, left } = await play(
      rules(`-A POSTROUTING -o eth0 -j SNAT --to-source 198.51.100.2:7000-7000`).replace(
        '-o eth0',
        '-o eth0 -p udp',
      ),
      [ask(READ), send(1, '198.51.100.2:7000')],
    );
    expect(logged).toEqual(['N', 'R tftp']);
    expect(left[1]).toContain(`udp ${SERVER}:40000 > ${CLIENT}:5555`);
  });
});

describe('ftp', () => {
  const segment = (at: number, from: 'client' | 'server', words: string): Sent =>
    from === 'client'
      ? [at, 'eth1', `tcp ${CLIENT}:4000 > ${SERVER}:21 ${words}`]
      : [at, 'eth0', `tcp ${SERVER}:21 > ${CLIENT}:4000 ${words}`];
  const opening = (client: string, server: string): Sent[] => [
    segment(0, 'client', 'S seq 99 win 9000'),
    segment(0.1, 'server', 'SA seq 499 ack 100 win 9000'),
    segment(0.2, 'client', 'A seq 100 ack 500 win 9000'),
    segment(0.3, 'server', `PA seq 500 ack 100 win 9000 says "220 hi\\r\\n"`),
    segment(0.4, 'client', `PA seq 100 ack 508 win 9000 says "USER a\\r\\n"`),
    segment(0.5, 'server', `PA seq 508 ack 108 win 9000 says "${server}"`),
    segment(0.6, 'client', `PA seq 108 ack 508 win 9000 says "${client}"`),
  ];
  const active: Sent = [1, 'eth0', `tcp ${SERVER}:20 > ${CLIENT}:6275 S seq 1 win 9000`];
  const passive: Sent = [1, 'eth1', `tcp ${CLIENT}:4001 > ${SERVER}:40022 S seq 1 win 9000`];
  const last = async (packets: readonly Sent[], nat = ''): Promise<string | undefined> =>
    (await play(rules(nat), packets)).logged.at(-1);

  it.each<[client: string, server: string, data: Sent, logged: string]>([
    ['PORT 192,168,1,10,24,131\\r\\n', '200 ok\\r\\n', active, 'R ftp'],
    ['EPRT |1|192.168.1.10|6275|\\r\\n', '200 ok\\r\\n', active, 'R ftp'],
    // It listens for somebody else.
    ['PORT 192,168,1,11,24,131\\r\\n', '200 ok\\r\\n', active, 'N'],
    ['PORT 192,168,1,10,24,132\\r\\n', '200 ok\\r\\n', active, 'N'],
    ['NOOP\\r\\n', '227 Entering (198,51,100,9,156,86)\\r\\n', passive, 'R ftp'],
    ['NOOP\\r\\n', '229 Entering (|||40022|)\\r\\n', passive, 'R ftp'],
    ['NOOP\\r\\n', '227 Entering (198,51,100,10,156,86)\\r\\n', passive, 'N'],
  ])('%j %j', async (client, server, data, logged) => {
    expect(await last([...opening(client, server), data])).toBe(logged);
  });

  it('reads a segment only where a line is known to begin', async () => {
    const command = 'PORT 192,168,1,10,24,131\\r\\n';
    const first = opening(command, '').slice(0, 4);
    first.push(segment(0.4, 'client', `PA seq 100 ack 508 win 9000 says "${command}"`));
    expect(await last([...first, active])).toBe('N');
    const amid = opening('', '').slice(0, 5);
    amid.push(segment(0.5, 'client', 'PA seq 108 ack 508 win 9000 says "NOOP"'));
    amid.push(segment(0.6, 'client', `PA seq 112 ack 508 win 9000 says "${command}"`));
    expect(await last([...amid, active])).toBe('N');
  });

  it('drops what begins as a command and does not end so', async () => {
    const packets = opening('PORT 192,168,1,10,24\\r\\n', '200 ok\\r\\n');
    const { left } = await play(rules(), packets);
    expect(left).toHaveLength(packets.length - 1);
  });

  it('has no helper itself, nor gets the one of a rule', async () => {
    const to21: Sent = [1, 'eth1', `tcp ${CLIENT}:4001 > ${SERVER}:21 S seq 1 win 9000`];
    const { connections } = await play(rules(), [...opening('NOOP\\r\\n', '229 (|||21|)\\r\\n'), to21]);
    expect(connections.filter((entry) => entry.includes('helper=ftp'))).toHaveLength(1);
  });
});

describe('ftp behind a translation', () => {
  const PUBLIC = '198.51.100.200';
  const MASQUERADE = `-A POSTROUTING -o eth0 -j SNAT --to-source ${PUBLIC}`;
  const client = (at: number, words: string): Sent => [
    at,
    'eth1',
    `tcp ${CLIENT}:4000 > ${SERVER}:21 ${words}`,
  ];
  const server = (at: number, words: string): Sent => [
    at,
    'eth0',
    `tcp ${SERVER}:21 > ${PUBLIC}:4000 ${words}`,
  ];
  const begun: Sent[] = [
    client(0, 'S seq 99 win 9000'),
    server(0.1, 'SA seq 499 ack 100 win 9000'),
    client(0.2, 'A seq 100 ack 500 win 9000 says "USER a\\r\\n"'),
    client(0.3, 'A seq 108 ack 500 win 9000 says "PORT 192,168,1,10,24,131\\r\\n"'),
  ];

  it('has another command, and both sides their own sequence numbers behind it', async () => {
    const { left, connections } = await play(rules(MASQUERADE), [
      ...begun,
      // 26 bytes of the client are 28 to the server.
      server(0.4, 'A seq 500 ack 136 win 9000'),
      client(0.5, 'A seq 134 ack 500 win 9000 len 10'),
      server(0.6, 'A seq 500 ack 146 win 9000'),
      [1, 'eth0', `tcp ${SERVER}:20 > ${PUBLIC}:6275 S seq 1 win 9000`],
    ]);
    expect(left.map((packet) => packet.replace(/ ttl.*/, ''))).toHaveLength(8);
    expect(left[7]).toContain(`tcp ${SERVER}:20 > ${CLIENT}:6275`);
    expect(connections.join()).toContain('ESTABLISHED');
  });

  it('holds acknowledgements against what the client has sent', async () => {
    const { left } = await play(rules(MASQUERADE), [
      ...begun,
      server(0.4, 'A seq 500 ack 136 win 9000'),
      // Out of the window it is nobody's, and goes no further than the host.
      server(0.5, 'A seq 500 ack 137 win 9000'),
    ]);
    expect(left.filter((packet) => packet.includes(`> ${CLIENT}:4000`))).toHaveLength(2);
  });
});

describe('irc', () => {
  const NUMBER = 0xc0a8010a;
  const talk = (offer: string, from: string): Sent[] => [
    [0, 'eth1', `tcp ${CLIENT}:4000 > ${SERVER}:6667 S seq 99 win 9000`],
    [0.1, 'eth0', `tcp ${SERVER}:6667 > ${CLIENT}:4000 SA seq 499 ack 100 win 9000`],
    [0.2, 'eth1', `tcp ${CLIENT}:4000 > ${SERVER}:6667 PA seq 100 ack 500 win 9000 says "${offer}"`],
    [1, 'eth0', `tcp ${from}:40000 > ${CLIENT}:5000 S seq 1 win 9000`],
  ];

  it.each([
    [`PRIVMSG you :\\u0001DCC SEND file ${NUMBER} 5000 77\\u0001\\r\\n`, SERVER, 'R'],
    [`PRIVMSG you :\\u0001DCC CHAT chat ${NUMBER} 5000\\u0001\\r\\n`, '203.0.113.77', 'R'],
    [`PRIVMSG you :\\u0001DCC CHAT chat ${NUMBER + 1} 5000\\u0001\\r\\n`, SERVER, 'N'],
  ])('%j lets %s in: %s', async (offer, from, logged) => {
    expect((await play(rules(), talk(offer, from))).logged.at(-1)).toBe(logged);
  });
});

describe('amanda', () => {
  const answer = (says: string): Sent[] => [
    [0, 'eth1', `udp ${CLIENT}:900 > ${SERVER}:10080 len 9`],
    [0.1, 'eth0', `udp ${SERVER}:10080 > ${CLIENT}:900 says "${says}"`],
  ];
  const stream = (port: number, at = 1): Sent => [
    at,
    'eth1',
    `tcp ${CLIENT}:999 > ${SERVER}:${port} S seq 1 win 9000`,
  ];

  it.each([
    ['REP\\nCONNECT DATA 5001 MESG 5002 INDEX 5003\\n', 5001, 'R'],
    ['REP\\nCONNECT DATA 5001 MESG 5002 INDEX 5003\\n', 5003, 'R'],
    ['REP\\nCONNECT DATA 5001 MESG x INDEX 5003\\n', 5003, 'N'],
    ['REP\\nCONNECT DATA 5001', 5001, 'N'],
    ['REP\\nCONNECT\\nDATA 5001\\n', 5001, 'N'],
  ])('%j to port %d: %s', async (says, port, logged) => {
    expect((await play(rules(), [...answer(says), stream(port)])).logged.at(-1)).toBe(logged);
  });

  it('waits three minutes, and its own connection five', async () => {
    const packets = [
      ...answer('CONNECT DATA 5001 MESG 5002 INDEX 5003\\n'),
      stream(5001, 179),
      stream(5002, 181),
    ];
    const { logged, connections } = await play(rules(), packets);
    expect(logged.slice(-2)).toEqual(['R', 'N']);
    expect(connections.join()).toContain('dport=10080');
  });
});

describe('a helper that is not read', () => {
  it('leaves it open whether another connection between the two was expected', async () => {
    const { doubts } = await play(rules(), [
      [0, 'eth1', `udp ${CLIENT}:1719 > ${SERVER}:1719 len 100`],
      [1, 'eth0', `udp ${SERVER}:40000 > ${CLIENT}:7078 len 100`],
      [2, 'eth0', `udp 198.51.100.10:40000 > ${CLIENT}:7078 len 100`],
    ]);
    expect(doubts).toEqual([null, expect.stringContaining('RAS helper'), null]);
  });
});
