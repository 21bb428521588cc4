import { datagrams, type Ends, packets, type Said, type Step, stream } from './helperTalks.js';
import type { HelperRow } from './helperRows.js';

const CLIENT = '192.168.1.10';
const SERVER = '198.51.100.9';
const OTHER = '198.51.100.10';
const CLIENT_6 = '2001:db8:1::10';
const SERVER_6 = '2001:db8:ffff::77';

export const SIP: Ends = { client: ['eth1', CLIENT, 5060], server: ['eth0', SERVER, 5060] };
const SIP_TCP: Ends = { ...SIP, client: ['eth1', CLIENT, 4060] };
const SIP_6: Ends = { client: ['eth1', CLIENT_6, 5060], server: ['eth0', SERVER_6, 5060] };

/** A message of lines as given, with the length of its body in it unless that is said. */
export function message(
  first: string,
  headers: readonly string[] = [],
  body: readonly string[] = [],
  end = '\r\n',
): string {
  const text = body.map((line) => line + end).join('');
  const says = headers.some((line) => /^(content-length|l)\s*:/i.test(line));
  const lines = [first, ...headers, ...(says ? [] : [`Content-Length: ${text.length}`])];
  return lines.map((line) => line + end).join('') + end + text;
}

/** A session description of one who listens at an address. */
export function session(address: string, ...media: readonly string[]): string[] {
  const family = address.includes(':') ? 'IP6' : 'IP4';
  return ['v=0', `o=- 1 1 IN ${family} ${address}`, 's=-', `c=IN ${family} ${address}`, 't=0 0', ...media];
}

const from = (who: string): string[] => [
  `Via: SIP/2.0/UDP ${who}:5060;branch=z9hG4bK1`,
  'From: <sip:a@example.org>;tag=1',
  'To: <sip:b@example.org>',
  'Call-ID: 1@example.org',
];
const audio = (port: number): string => `m=audio ${port} RTP/AVP 0`;

export const invite = (body: readonly string[], sequence = 1, method = 'INVITE'): string =>
  message(`${method} sip:b@example.org SIP/2.0`, [...from(CLIENT), `CSeq: ${sequence} ${method}`], body);
export const answer = (
  code: string,
  method: string,
  body: readonly string[] = [],
  sequence = 1,
  more: readonly string[] = [],
): string => message(`SIP/2.0 ${code}`, [...from(CLIENT), `CSeq: ${sequence} ${method}`, ...more], body);
const register = (contact: readonly string[], sequence = 1): string =>
  message('REGISTER sip:example.org SIP/2.0', [...from(CLIENT), `CSeq: ${sequence} REGISTER`, ...contact]);

/** Media that come for the client, from the server unless from somebody else; each is related or not. */
const media = (...ports: readonly number[]): Step[] =>
  packets(...ports.map((port) => ['eth0', `udp ${SERVER}:40000 > ${CLIENT}:${port} len 20`] as const));
/** Media that the client sends. */
const mediaOut = (...ports: readonly number[]): Step[] =>
  packets(...ports.map((port) => ['eth1', `udp ${CLIENT}:7078 > ${SERVER}:${port} len 20`] as const));
/** Calls that come for the client. */
const calls = (...words: readonly string[]): Step[] =>
  packets(...words.map((word) => ['eth0', `${word.includes(' S ') ? 'tcp' : 'udp'} ${word}`] as const));

function watching(family: 4 | 6 = 4): string[] {
  const command = family === 4 ? 'iptables-legacy' : 'ip6tables-legacy';
  return [
    `${command} -t raw -A PREROUTING -p udp --dport 5060 -m length --length 40: -j CT --helper sip`,
    `${command} -t raw -A PREROUTING -p tcp --dport 5060 -j CT --helper sip`,
    `${command} -A FORWARD -m conntrack --ctstate RELATED -j LOG --log-prefix "helped related "`,
    `${command} -A FORWARD -m conntrack --ctstate NEW -j LOG --log-prefix "helped new "`,
    `${command} -A FORWARD -m conntrack --ctstate RELATED`,
    `${command} -A FORWARD -m conntrack --ctstate NEW`,
    `${command} -A FORWARD -m helper --helper sip`,
    `${command} -A FORWARD -m conntrack --ctstatus EXPECTED`,
  ];
}

const row = (
  name: string,
  steps: readonly (Step | readonly Step[])[],
  more: Partial<HelperRow> = {},
): HelperRow => ({
  name: `sip, ${name}`,
  setups: watching(),
  steps: steps.flatMap((one) => (typeof one[0] === 'number' ? [one as Step] : (one as readonly Step[]))),
  ...more,
});
const says = (...said: readonly Said[]): Step[] => datagrams(SIP, said);

const OFFER = session(CLIENT, audio(7078));
const ANSWER = session(SERVER, audio(9078));

/** Session descriptions, and whether media are awaited at some ports. */
const SESSIONS: readonly (readonly [name: string, body: readonly string[], ports: readonly number[]])[] = [
  ['an odd port', session(CLIENT, audio(7079)), [7078, 7079, 7080]],
  ['an address of each media', ['v=0', 'o=- 1 1 IN IP4 1.2.3.4', 's=-', 't=0 0', audio(7078), `c=IN IP4 ${CLIENT}`, 'm=video 7080 RTP/AVP 31', `c=IN IP4 ${CLIENT}`], [7078, 7080, 7081]], // prettier-ignore
  ['media override', [...session('10.9.0.5', audio(7078)), `c=IN IP4 ${CLIENT}`], [7078]],
  ['media for somebody else', session('10.9.0.5', audio(7078)), [7078]],
  ['no address', ['v=0', 's=-', audio(7078)], [7078]],
  ['port 0 and a further one', session(CLIENT, audio(0), 'm=video 7080 RTP/AVP 31'), [7078, 7080]],
  [
    'unknown media',
    session(CLIENT, 'm=application 7082 x', 'm=text 7084 x', 'm=image 7086 udptl t38'),
    [7082, 7084, 7086, 7087],
  ],
  ['a low port', session(CLIENT, audio(900)), [900]],
  ['too great a port', session(CLIENT, audio(70000)), [4464]],
  [
    'all kinds, and one more',
    session(CLIENT, audio(7078), 'm=video 7080 x', 'm=image 7082 x', audio(7084)),
    [7078, 7080, 7082, 7084],
  ],
  [
    'audio three times',
    session(CLIENT, audio(7078), audio(7080), audio(7082)),
    [7078, 7079, 7080, 7081, 7082, 7083],
  ],
  ['image twice', session(CLIENT, 'm=image 7078 x', 'm=image 7080 x'), [7078, 7079, 7080, 7081]],
  ['audio and video at one port', session(CLIENT, audio(7078), 'm=video 7078 x'), [7078, 7079]],
  [
    'capitals',
    session(CLIENT, audio(7078)).map((line) => line.replace(/^[mc]/, (l) => l.toUpperCase())),
    [7078],
  ],
  ['kinds in capitals', session(CLIENT, 'm=AUDIO 7078 x'), [7078]],
  [
    'an address with zeros',
    session(CLIENT, audio(7078)).map((line) => line.replace(CLIENT, '192.168.001.010')),
    [7078],
  ],
  ['an address that goes on', session(`${CLIENT}.5`, audio(7078)), [7078]],
  ['an address and hexadecimal', session(`${CLIENT}a`, audio(7078)), [7078]],
  ['an address and a TTL', session(`${CLIENT}/127`, audio(7078)), [7078]],
  ['an address of the other family', ['v=0', 'c=IN IP6 ::1', audio(7078)], [7078]],
  ['in small letters', ['v=0', `c=in ip4 ${CLIENT}`, audio(7078)], [7078]],
  ['no version', session(CLIENT, audio(7078)).slice(1), [7078]],
  ['a version of letters', ['v=x', ...session(CLIENT, audio(7078)).slice(1)], [7078]],
  ['media before the address', ['v=0', audio(7078), `c=IN IP4 ${CLIENT}`], [7078]],
  ['two ports', session(CLIENT, 'm=audio 7078/2 RTP/AVP 0'), [7078, 7079, 7080]],
  ['no port', session(CLIENT, 'm=audio x', audio(7080)), [7080]],
  ['a tab', session(CLIENT, 'm=audio\t7078 x', audio(7080)), [7078, 7080]],
  ['an empty line', [...session(CLIENT), '', audio(7078)], [7078]],
];

const CONTACTS: readonly (readonly [name: string, contact: readonly string[]])[] = [
  ['a plain contact', [`Contact: <sip:a@${CLIENT}:5060>`, 'Expires: 60']],
  ['no port', [`Contact: <sip:a@${CLIENT}>`, 'Expires: 60']],
  ['expires of its own', [`Contact: <sip:a@${CLIENT}:5060>;expires=60`]],
  ['expires in hexadecimal', [`Contact: <sip:a@${CLIENT}:5060>;expires=0x3c`]],
  ['expires of no digits', [`Contact: <sip:a@${CLIENT}:5060>;expires=x`, 'Expires: 60']],
  ['no expires', [`Contact: <sip:a@${CLIENT}:5060>`]],
  ['expires at once', [`Contact: <sip:a@${CLIENT}:5060>;expires=0`, 'Expires: 60']],
  ['the short form', [`m: sip:${CLIENT}:5060`, 'Expires: 60']],
  ['the short form in capitals', [`M : sip:${CLIENT}:5060`, 'EXPIRES: 60']],
  ['a continuation line', ['Contact:', ` <sip:a@${CLIENT}:5060>`, 'Expires:', '\t60']],
  ['a tab before the colon', [`Contact\t: <sip:a@${CLIENT}:5060>`, 'Expires\t:\t60']],
  ['a user with a colon', [`Contact: "a, b" <sip:a:b@${CLIENT}:5060>`, 'Expires: 60']],
  ['a list', [`Contact: <sip:a@example.org>, <sip:a@10.9.0.5:5060>, <sip:a@${CLIENT}:5060>`, 'Expires: 60']],
  ['a second header', ['Contact: <sip:a@example.org>', `Contact: <sip:a@${CLIENT}:5060>`, 'Expires: 60']],
  [
    'a contact of somebody else first',
    ['Contact: <sip:a@10.9.0.5:5060>', `Contact: <sip:a@${CLIENT}:5060>`, 'Expires: 60'],
  ],
  ['a low port', [`Contact: <sip:a@${CLIENT}:560>`, 'Expires: 60']],
  ['too great a port', [`Contact: <sip:a@${CLIENT}:75060>`, 'Expires: 60']],
  ['a port of many digits', [`Contact: <sip:a@${CLIENT}:005060>`, 'Expires: 60']],
  ['a colon without a port', [`Contact: <sip:a@${CLIENT}:>`, 'Expires: 60']],
  ['no contact', ['Expires: 60']],
  ['a star', ['Contact: *', 'Expires: 0']],
  ['another transport', [`Contact: <sip:a@${CLIENT}:5060;transport=tcp>`, 'Expires: 60']],
  ['its transport', [`Contact: <sip:a@${CLIENT}:5060;transport=UDP>`, 'Expires: 60']],
  ['sips', [`Contact: <sips:a@${CLIENT}:5060>`, 'Expires: 60']],
  ['a header that begins like it', [`Contacts: 5`, `Contact: <sip:a@${CLIENT}:5060>`, 'Expires: 60']],
  ['a contact in the body', ['Expires: 60', '', `Contact: <sip:a@${CLIENT}:5060>`]],
  ['one address before an at', [`Contact: <sip:a@b@${CLIENT}:5060>`, 'Expires: 60']],
  ['an at behind it', [`Contact: <sip:${CLIENT}:5060>;x=a@b`, 'Expires: 60']],
];

const CSEQS: readonly string[] = [
  'CSeq: 0 INVITE',
  'CSeq: x INVITE',
  'CSeq : 1 INVITE',
  'cseq:1 INVITE',
  'CSeq1: 1 INVITE',
  'CSeq: 4294967297 INVITE',
  'X: 1',
];

const HOST = '198.51.100.2';
const TO_HOST = `-o eth0 -j SNAT --to-source ${HOST}`;
const BEHIND = (rule = TO_HOST): string[] => [...watching(), `iptables-legacy -t nat -A POSTROUTING ${rule}`];
const SHIFTED = BEHIND(`-o eth0 -p udp --dport 5060 -j SNAT --to-source ${HOST}:7000-7000`);
const NATED: Ends = { ...SIP, clientSeen: [HOST, 5060] };
const NATED_TCP: Ends = { ...SIP_TCP, clientSeen: [HOST, 4060] };
const SERVED: Ends = {
  client: ['eth0', SERVER, 5060],
  server: ['eth1', CLIENT, 5060],
  serverSeen: [HOST, 5060],
};
const ports = (...list: readonly number[]): Step[] =>
  packets(...list.map((port) => ['eth0', `udp ${SERVER}:40000 > ${HOST}:${port} len 20`] as const));

/** A request of a client with all that may be translated. */
const full = (
  method: string,
  headers: readonly string[] = [],
  body: readonly string[] = [],
  port = 5060,
): string =>
  message(
    `${method} sip:b@${SERVER}:5060 SIP/2.0`,
    [
      `Via: SIP/2.0/UDP ${CLIENT}:${port};branch=z9hG4bK1;rport`,
      'Via: SIP/2.0/UDP 192.168.1.11:5060;branch=z9hG4bK2',
      `From: "a" <sip:a@${CLIENT}:${port}>;tag=1`,
      `To: <sip:b@${SERVER}>`,
      `CSeq: 1 ${method}`,
      `Contact: <sip:a@${CLIENT}:${port}>`,
      ...headers,
    ],
    body,
  );
const fullAnswer = (
  code: string,
  method: string,
  seen: number,
  headers: readonly string[] = [],
  body: readonly string[] = [],
): string =>
  message(
    `SIP/2.0 ${code}`,
    [
      `Via: SIP/2.0/UDP ${HOST}:${seen};branch=z9hG4bK1;received=${HOST};rport=${seen}`,
      `From: "a" <sip:a@${HOST}:${seen}>;tag=1`,
      `To: <sip:b@${SERVER}>;tag=2`,
      `CSeq: 1 ${method}`,
      `Contact: <sip:b@${SERVER}:5060>`,
      ...headers,
    ],
    body,
  );
const over = (text: string): string =>
  text.replaceAll('SIP/2.0/UDP', 'SIP/2.0/TCP').replaceAll(':5060', ':4060');

const NAT_ROWS: readonly HelperRow[] = [
  row('behind NAT, a call', [
    datagrams(NATED, [
      ['>', full('INVITE', [], OFFER)],
      ['<', fullAnswer('200 OK', 'INVITE', 5060, [], ANSWER)],
      ['>', full('ACK')],
    ]),
    ports(7078, 7079, 7080),
    mediaOut(9078),
    packets(['eth0', `udp ${SERVER}:9078 > ${HOST}:7078 len 20`]),
  ], { setups: BEHIND() }),
  row('behind NAT, media go out first', [
    datagrams(NATED, [['>', full('INVITE', [], OFFER)], ['<', fullAnswer('200 OK', 'INVITE', 5060, [], ANSWER)]]),
    packets(['eth1', `udp ${CLIENT}:7078 > ${SERVER}:9078 len 20`], ['eth1', `udp ${CLIENT}:7079 > ${SERVER}:9079 len 20`]),
    packets(['eth0', `udp ${SERVER}:9078 > ${HOST}:7078 len 20`]),
  ], { setups: BEHIND() }),
  row('behind NAT with another port', [
    datagrams({ ...SIP, clientSeen: [HOST, 7000] }, [
      ['>', full('REGISTER', ['Expires: 60'])],
      ['<', fullAnswer('200 OK', 'REGISTER', 7000, ['Expires: 60'])],
      ['<', fullAnswer('200 OK', 'REGISTER', 7000, [`m: <sip:a@${HOST}:7000>;expires=60`])],
      ['>', full('INVITE', [], OFFER)],
      ['<', fullAnswer('200 OK', 'INVITE', 7000, [], ANSWER)],
    ]),
    ports(7078),
    packets(['eth0', `udp ${SERVER}:5082 > ${HOST}:7000 len 20`], ['eth0', `udp ${SERVER}:5060 > ${HOST}:7000 len 20`]),
  ], { setups: SHIFTED }),
  row('behind NAT, a registered client is called', [
    datagrams(NATED, [
      ['>', full('REGISTER', ['Expires: 60'])],
      ['<', fullAnswer('200 OK', 'REGISTER', 5060).replace(`b@${SERVER}:5060`, `a@${HOST}:5060>;expires=60;x=<`)],
    ]),
    datagrams({ client: ['eth0', SERVER, 5083], server: ['eth1', CLIENT, 5060], serverSeen: [HOST, 5060] }, [
      ['>', message(`INVITE sip:a@${HOST}:5060 SIP/2.0`, [`Via: SIP/2.0/UDP ${SERVER}:5083`, 'CSeq: 1 INVITE', `Contact: <sip:${SERVER}:5083>`], session(SERVER, audio(9090)))],
      ['<', message('SIP/2.0 200 OK', [`Via: SIP/2.0/UDP ${SERVER}:5083`, 'CSeq: 1 INVITE', `Contact: <sip:a@${CLIENT}:5060>`], session(CLIENT, audio(7090)))],
    ]),
    ports(7090),
    packets(['eth1', `udp ${CLIENT}:7090 > ${SERVER}:9090 len 20`]),
  ], { setups: BEHIND() }),
  row('behind NAT, two clients listen at the same ports', [
    datagrams(NATED, [['>', full('INVITE', [], OFFER)], ['<', fullAnswer('200 OK', 'INVITE', 5060, [], ANSWER)]]),
    datagrams({ client: ['eth1', '192.168.1.11', 5061], server: SIP.server, clientSeen: [HOST, 5061] }, [
      ['>', full('INVITE', [], OFFER, 5061).replaceAll(CLIENT, '192.168.1.11')],
    ]),
    ports(7078, 7080, 7081),
  ], { setups: BEHIND() }),
  row('behind NAT, one client by two connections', [
    datagrams(NATED, [['>', full('INVITE', [], OFFER)]]),
    datagrams({ client: ['eth1', CLIENT, 5061], server: SIP.server, clientSeen: [HOST, 5061] }, [['>', full('INVITE', [], OFFER, 5061)]]),
    ports(7078, 7080),
  ], { setups: BEHIND() }),
  row('behind NAT, what a session lacks', [
    datagrams(NATED, [
      ['>', full('INVITE', [], OFFER.filter((line) => !line.startsWith('o=')))],
      ['>', full('INVITE', [], OFFER.map((line) => line.replace(/^o=.*/, 'o=- 1 1 IN IP4 a.example.org')))],
      ['>', full('INVITE', [], ['v=0', `o=- 1 1 IN IP4 ${CLIENT}`, audio(7082), `c=IN IP4 ${CLIENT}`])],
      ['>', full('INVITE', [], session('10.9.0.5', audio(7084)))],
      ['>', full('INVITE', [], session(CLIENT, audio(0)))],
      ['>', full('INVITE', [], ['v=0', `o=- 1 1 IN IP4 ${CLIENT}`, 's=-'])],
      ['>', full('INVITE', [], OFFER).replace(/Content-Length.*\r\n/, '')],
    ]),
    ports(7078, 7082, 7084),
  ], { setups: BEHIND() }),
  row('behind NAT, an odd port and addresses of their own', [
    datagrams(NATED, [
      ['>', full('INVITE', [], [...session(CLIENT, audio(7079)), `c=IN IP4 ${CLIENT}`, 'm=video 7090 x', `c=IN IP4 ${CLIENT}`])],
    ]),
    ports(7078, 7079, 7090),
  ], { setups: BEHIND() }),
  row('behind NAT, parameters of Via', [
    datagrams(NATED, [
      ['>', full('OPTIONS').replace(';rport', `;maddr=${CLIENT};rport=5060`)],
      ['<', fullAnswer('200 OK', 'OPTIONS', 5060)],
      ['<', fullAnswer('200 OK', 'OPTIONS', 5060).replace(`received=${HOST}`, `received=${CLIENT}`)],
      ['<', fullAnswer('200 OK', 'OPTIONS', 5061)],
      ['>', full('OPTIONS', [`Contact: <sip:x@${CLIENT}:5060>, <sip:y@${CLIENT}:5061>, <sip:z@${CLIENT}>`])],
      ['>', full('OPTIONS').replace('OPTIONS sip:b@', 'OPTIONS SIP:')],
    ]),
  ], { setups: BEHIND() }),
  row('behind NAT, a phone that listens elsewhere', [
    datagrams({ ...SIP, client: ['eth1', CLIENT, 50000], clientSeen: [HOST, 50000] }, [
      ['>', full('REGISTER', ['Expires: 60'])],
      ['<', fullAnswer('200 OK', 'REGISTER', 5060, [`Contact: <sip:a@${HOST}:50000>;expires=60`])],
      ['<', fullAnswer('200 OK', 'REGISTER', 50000)],
    ]),
    packets(['eth0', `udp ${SERVER}:5082 > ${HOST}:5060 len 20`], ['eth0', `udp ${SERVER}:5082 > ${HOST}:50000 len 20`]),
  ], { setups: BEHIND() }),
  row('to a server behind NAT', [
    datagrams(SERVED, [
      ['>', message(`INVITE sip:b@${HOST}:5060 SIP/2.0`, [`Via: SIP/2.0/UDP ${SERVER}:5060`, `To: <sip:b@${HOST}>`, 'CSeq: 1 INVITE', `Contact: <sip:${SERVER}>`], ANSWER)],
      ['<', message('SIP/2.0 200 OK', [`Via: SIP/2.0/UDP ${SERVER}:5060`, `To: <sip:b@${HOST}>`, 'CSeq: 1 INVITE', `Contact: <sip:b@${CLIENT}:5060>`], OFFER)],
    ]),
    ports(7078, 7079),
    packets(['eth1', `udp ${CLIENT}:7078 > ${SERVER}:9078 len 20`]),
  ], { setups: [...watching(), `iptables-legacy -t nat -A PREROUTING -i eth0 -p udp --dport 5060 -j DNAT --to-destination ${CLIENT}`] }),
  row('behind NAT over TCP', [
    stream(NATED_TCP, [
      ['>', over(full('INVITE', [], OFFER) + full('ACK', [], []))],
      ['>', over(full('OPTIONS'))],
    ]),
    ports(7078),
  ], { setups: BEHIND() }),
]; // prettier-ignore

const MANY = (count: number): string[] => Array.from({ length: count }, (_, i) => audio(7100 + 2 * i));

/** A call and its media. */
export const CALL: readonly Step[] = [
  ...says(['>', invite(OFFER)], ['<', answer('200 OK', 'INVITE', ANSWER)]),
  ...media(7078, 7079),
  ...mediaOut(9078),
];
export const CALL_OVER_TCP: readonly Step[] = [
  ...stream(SIP_TCP, [
    ['>', invite(OFFER)],
    ['<', answer('200 OK', 'INVITE', ANSWER)],
  ]),
  ...media(7078, 7079),
];

export const SIP_ROWS: readonly HelperRow[] = [
  ...NAT_ROWS,
  row('a call', [
    says(
      ['>', invite(OFFER)],
      ['<', answer('100 Trying', 'INVITE')],
      ['<', answer('200 OK', 'INVITE', ANSWER)],
    ),
    says(['>', message('ACK sip:b@example.org SIP/2.0', [...from(CLIENT), 'CSeq: 1 ACK'])]),
    mediaOut(9078, 9079),
    media(7078, 7079, 7080),
    packets(
      ['eth0', `udp ${OTHER}:40000 > ${CLIENT}:7078 len 20`],
      ['eth0', `udp ${SERVER}:9078 > ${CLIENT}:7078 len 20`],
    ),
  ]),
  row('the server calls', [
    says(['>', message('OPTIONS sip:b@example.org SIP/2.0', [...from(CLIENT), 'CSeq: 1 OPTIONS'])]),
    says(['<', invite(ANSWER)], ['>', answer('200 OK', 'INVITE', OFFER)]),
    mediaOut(9078),
    media(7078),
  ]),
  row('hanging up forgets media', [says(['>', invite(OFFER)], ['>', invite([], 2, 'BYE')]), media(7078)]),
  row('a refusal forgets media', [
    says(['>', invite(OFFER)], ['<', answer('486 Busy', 'INVITE')]),
    media(7078),
  ]),
  row('a refusal of another call', [
    says(['>', invite(OFFER)], ['<', answer('486 Busy', 'INVITE', [], 2)]),
    media(7078),
  ]),
  row('a call again', [
    says(['>', invite(OFFER)], ['>', invite(session(CLIENT, audio(7090)), 2)]),
    media(7078, 7090),
  ]),
  row('an update adds', [
    says(
      ['>', invite(OFFER)],
      ['>', invite(session(CLIENT, audio(7090)), 2, 'UPDATE')],
      ['<', answer('488 No', 'UPDATE', [], 2)],
    ),
    media(7078, 7090),
  ]),
  row('more than there may be', [
    says(
      ['>', invite(OFFER)],
      ...[7088, 7090, 7092].map((port, i): Said => [
        '>',
        invite(session(CLIENT, audio(port)), i + 2, 'UPDATE'),
      ]),
    ),
    media(7078, 7079, 7088, 7089, 7090, 7092),
  ]),
  row('the same media by two connections', [
    says(['>', invite(OFFER)]),
    datagrams({ ...SIP, client: ['eth1', CLIENT, 5062] }, [['>', invite(OFFER)]]),
    media(7078, 7079),
    says(['>', invite([], 2, 'BYE')]),
    media(7078),
  ]),
  row('the same media as audio here and video there', [
    says(['>', invite(OFFER)]),
    datagrams({ ...SIP, client: ['eth1', CLIENT, 5062] }, [['>', invite(session(CLIENT, 'm=video 7078 x'))]]),
    media(7078, 7079),
  ]),
  ...SESSIONS.map(([name, body, ports]) =>
    row(`session: ${name}`, [says(['>', invite(body)]), media(...ports)]),
  ),
  row('session: many', [says(['>', invite(session(CLIENT, ...MANY(20)))]), media(7100, 7102, 7104, 7106)]),
  row('session: lines end with LF', [
    says(['>', message('INVITE sip:b@example.org SIP/2.0', ['CSeq: 1 INVITE'], OFFER, '\n')]),
    media(7078),
  ]),
  row('session: lines end with CR', [
    says(['>', message('INVITE sip:b@example.org SIP/2.0', ['CSeq: 1 INVITE'], OFFER, '\r')]),
    media(7078),
  ]),
  ...CSEQS.map((line, i) =>
    row(`sequence ${i}: ${line}`, [
      says(['>', message('INVITE sip:b@example.org SIP/2.0', [line], OFFER)]),
      says(['<', message('SIP/2.0 200 OK', [line], ANSWER)]),
      media(7078),
      mediaOut(9078),
    ]),
  ),
  row('methods that are not read', [
    says(['>', message('invite sip:b@example.org SIP/2.0', ['CSeq: 1 INVITE'], OFFER)]),
    says([
      '>',
      message('INVITES sip:b@example.org SIP/2.0', ['CSeq: 1 INVITE'], session(CLIENT, audio(7080))),
    ]),
    says([
      '>',
      message('INVITE  sip:b@example.org SIP/2.0', ['CSeq: 1 INVITE'], session(CLIENT, audio(7082))),
    ]),
    says([
      '>',
      message('MESSAGE sip:b@example.org SIP/2.0', ['CSeq: 1 INVITE'], session(CLIENT, audio(7084))),
    ]),
    says(['>', message('PRACK sip:b@example.org SIP/2.0', ['CSeq: 1 INVITE'], session(CLIENT, audio(7086)))]),
    says(['>', 'INVITE a'], ['>', 'short'], ['<', 'SIP/2.0 xyz INVITE'], ['<', 'SIP/2.0 200 OK\r\n\r\n']),
    media(7078, 7080, 7082, 7084, 7086),
  ]),
  row('a registered client is called', [
    says(['>', register([`Contact: <sip:a@${CLIENT}:5070>`, 'Expires: 60'])]),
    calls(`${SERVER}:5080 > ${CLIENT}:5070 len 30`),
    says(['<', answer('200 OK', 'REGISTER', [], 1, [`Contact: <sip:a@${CLIENT}:5070>;expires=60`])]),
    calls(
      `${SERVER}:5081 > ${CLIENT}:5070 len 30`,
      `${SERVER}:5082 > ${CLIENT}:5070 len 30`,
      `${OTHER}:5081 > ${CLIENT}:5070 len 30`,
    ),
    datagrams({ client: ['eth0', SERVER, 5083], server: ['eth1', CLIENT, 5070] }, [
      ['>', message('INVITE sip:a@example.org SIP/2.0', ['CSeq: 1 INVITE'], session(SERVER, audio(9090)))],
      ['<', answer('200 OK', 'INVITE', session(CLIENT, audio(7090)))],
      ['<', register([`Contact: <sip:a@${CLIENT}:5090>`, 'Expires: 60'])],
    ]),
    mediaOut(9090),
    media(7090),
  ]),
  ...CONTACTS.map(([name, contact]) =>
    row(`registers: ${name}`, [
      says(['>', register(contact)]),
      says(['<', answer('200 OK', 'REGISTER', [], 1, contact)]),
      calls(`${SERVER}:5081 > ${CLIENT}:5060 len 30`),
    ]),
  ),
  row('a registration ends', [
    says(['>', register([`Contact: <sip:a@${CLIENT}:5070>`, 'Expires: 1'])]),
    says(['<', answer('200 OK', 'REGISTER', [], 1, [`Contact: <sip:a@${CLIENT}:5070>`, 'Expires: 1'])]),
    calls(`${SERVER}:5081 > ${CLIENT}:5070 len 30`),
    packets(['eth0', `udp ${SERVER}:5082 > ${CLIENT}:5070 len 30`, 2500]),
  ]),
  row('a registration is refused, of another number, taken back', [
    says(['>', register([`Contact: <sip:a@${CLIENT}:5070>`, 'Expires: 60'])]),
    says(['<', answer('100 Trying', 'REGISTER')], ['<', answer('200 OK', 'REGISTER', [], 9)]),
    says(['<', answer('401 Unauthorized', 'REGISTER')]),
    says(['<', answer('200 OK', 'REGISTER', [], 1, [`Contact: <sip:a@${CLIENT}:5070>;expires=60`])]),
    calls(`${SERVER}:5081 > ${CLIENT}:5070 len 30`),
    says(['>', register([`Contact: <sip:a@${CLIENT}:5072>`, 'Expires: 60'], 2)]),
    says(['<', answer('200 OK', 'REGISTER', [], 2, [`Contact: <sip:a@${CLIENT}:5072>;expires=60`])]),
    says(['>', register([`Contact: <sip:a@${CLIENT}:5072>`, 'Expires: 0'], 3)]),
    calls(`${SERVER}:5082 > ${CLIENT}:5072 len 30`),
    says(['<', answer('200 OK', 'REGISTER', [], 3, [`Contact: <sip:a@${CLIENT}:5072>;expires=0`])]),
    calls(`${SERVER}:5083 > ${CLIENT}:5072 len 30`),
  ]),
  row('two registrations of a connection', [
    ...[5070, 5072].flatMap((port, i) => [
      says(['>', register([`Contact: <sip:a@${CLIENT}:${port}>`, 'Expires: 60'], i + 1)]),
      says(['<', answer('200 OK', 'REGISTER', [], i + 1, [`Contact: <sip:a@${CLIENT}:${port}>;expires=60`])]),
    ]),
    calls(`${SERVER}:5081 > ${CLIENT}:5070 len 30`, `${SERVER}:5081 > ${CLIENT}:5072 len 30`),
  ]),
  row('over TCP', [
    stream(SIP_TCP, [
      ['>', invite(OFFER)],
      ['<', answer('200 OK', 'INVITE', ANSWER)],
    ]),
    media(7078, 7079),
    mediaOut(9078),
  ]),
  row('over TCP, several messages in a segment', [
    stream(SIP_TCP, [
      [
        '>',
        invite(OFFER) +
          invite(session(CLIENT, audio(7080)), 2, 'UPDATE') +
          invite(session(CLIENT, audio(7082)), 3, 'UPDATE').slice(0, -4),
      ],
      ['<', answer('200 OK', 'INVITE', ANSWER) + answer('200 OK', 'UPDATE', session(SERVER, audio(9080)))],
    ]),
    media(7078, 7080, 7082),
    mediaOut(9078, 9080),
  ]),
  row('over TCP, without a length', [
    stream(SIP_TCP, [
      ['>', invite(OFFER).replace(/Content-Length.*\r\n/, '')],
      ['>', invite(session(CLIENT, audio(7080))).replace(/Content-Length: \d+/, 'Content-Length: x')],
      ['>', invite(session(CLIENT, audio(7082))).replace(/Content-Length: \d+/, 'l: 9999')],
      ['>', invite(session(CLIENT, audio(7084))).replace(/Content-Length: \d+/, 'l: 5')],
    ]),
    media(7078, 7080, 7082, 7084),
  ]),
  row('over TCP, a registered client is called', [
    stream(SIP_TCP, [
      ['>', register([`Contact: <sip:a@${CLIENT}:5070;transport=tcp>`, 'Expires: 60'])],
      [
        '<',
        answer('200 OK', 'REGISTER', [], 1, [`Contact: <sip:a@${CLIENT}:5070;transport=tcp>;expires=60`]),
      ],
    ]),
    calls(`${SERVER}:5081 > ${CLIENT}:5070 S seq 1`, `${SERVER}:5081 > ${CLIENT}:5070 len 30`),
  ]),
  row('over IPv6', [
    datagrams(SIP_6, [
      ['>', invite(session(CLIENT_6, audio(7078)))],
      ['<', answer('200 OK', 'INVITE', session(SERVER_6, audio(9078)))],
      ['>', register([`Contact: <sip:a@[${CLIENT_6}]:5070>`, 'Expires: 60'])],
      ['<', answer('200 OK', 'REGISTER', [], 1, [`Contact: <sip:a@[${CLIENT_6}]:5070>;expires=60`])],
      ['>', register([`Contact: <sip:a@${CLIENT_6}>`, 'Expires: 60'], 2)],
    ]),
    packets(
      ['eth0', `udp [${SERVER_6}]:40000 > [${CLIENT_6}]:7078 len 20`],
      ['eth1', `udp [${CLIENT_6}]:40000 > [${SERVER_6}]:9078 len 20`],
      ['eth0', `udp [${SERVER_6}]:5081 > [${CLIENT_6}]:5070 len 30`],
      ['eth0', `udp [${SERVER_6}]:5081 > [${CLIENT_6}]:5071 len 30`],
    ),
  ], { family: 6, setups: watching(6) }), // prettier-ignore
  row(
    'what the log says',
    [
      says(['>', message('INVITE sip:b@example.org SIP/2.0', ['X: 1'], OFFER)]),
      says(['>', invite(session(CLIENT, audio(900)))], ['>', invite(['v=0', audio(7078)])]),
      says(['<', 'SIP/2.0 xyz INVITE'], ['>', register([`Contact: <sip:a@${CLIENT}:50>`])]),
      says(['>', register([`Contact: <sip:a@${CLIENT}:5060>;expires=x`])]),
      stream(SIP_TCP, [['>', invite(session(CLIENT, audio(900)))]]),
    ],
    { isAboutLog: true },
  ),
];
