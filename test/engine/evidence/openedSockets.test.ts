import { describe, expect, it } from 'vitest';
import { play, type Sent } from '../helpers/router.js';

/* Who listens is listed before the capture begins, or not at all: what the host answers shows the rest. */

const COUNTED = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -p tcp -m tcp --tcp-flags RST RST
-A OUTPUT -p icmp
-A OUTPUT -m conntrack --ctstate INVALID
COMMIT
`;
const REDIRECTED = `*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 3000
COMMIT
${COUNTED}`;

const HOST = '198.51.100.2';
const PEER = '198.51.100.9';
const syn = (port: number): Sent => [0, 'eth0', `tcp ${PEER}:4000 > ${HOST}:${port} S seq 999`];
const accepts = (port: number, ack: number): Sent => [
  1e-4,
  '>eth0',
  `tcp ${HOST}:${port} > ${PEER}:4000 SA seq 70 ack ${ack}`,
];

const ONE_RESET = '[1:40] -A OUTPUT -p tcp -m tcp --tcp-flags RST RST';
const NO_RESET = '[0:0] -A OUTPUT -p tcp -m tcp --tcp-flags RST RST';

describe('a socket that nobody listed', () => {
  it('is there where the host accepts a connection, whose SYN is not reset then', async () => {
    const { saved, connections } = await play(COUNTED, [syn(8080), accepts(8080, 1000)]);
    expect(saved).toContain(NO_RESET);
    expect(connections.join()).toContain('SYN_RECV');
  });

  it('is there behind a redirection, which the answer does not show', async () => {
    const { saved, connections } = await play(REDIRECTED, [syn(80), accepts(80, 1000)]);
    expect(saved).toContain(NO_RESET);
    expect(connections.join()).toContain('SYN_RECV');
  });

  it('is there where a datagram comes from where one went to', async () => {
    const { saved } = await play(COUNTED, [
      [0, 'eth0', `udp ${PEER}:4000 > ${HOST}:53 len 8`],
      [1e-4, '>eth0', `udp ${HOST}:53 > ${PEER}:4000 len 20`],
    ]);
    expect(saved).toContain('[0:0] -A OUTPUT -p icmp');
  });

  it.each([
    ['what accepts another SYN', [accepts(8080, 2000)]],
    ['what comes from another port', [accepts(8081, 1000)]],
    ['nothing', []],
  ])('is not there for %s', async (_, answers) => {
    expect((await play(COUNTED, [syn(8080), ...answers])).saved).toContain(ONE_RESET);
  });
});

const SERVER = '192.168.1.11';
const REDIRECTED_TO_HOST = `*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -i eth0 -p tcp -j REDIRECT
COMMIT
${COUNTED}`;

it('is not there because of what the server sends that a SYN was meant for before it was redirected', async () => {
  const answer = (ttl: number): string => `tcp ${SERVER}:8080 > ${PEER}:4000 SA seq 70 ack 1000 ttl ${ttl}`;
  const { saved } = await play(REDIRECTED_TO_HOST, [
    [0, 'eth0', `tcp ${PEER}:4000 > ${SERVER}:8080 S seq 999`],
    [1e-4, 'eth1', answer(64)],
    [1.1e-4, '>eth0', answer(63)],
  ]);
  expect(saved).toContain(ONE_RESET);
});

describe('what the host sends by itself', () => {
  it('is another packet each time, however alike: resets of a listener are of one number', async () => {
    const reset: Sent = [2e-3, '>eth0', `tcp ${HOST}:8080 > ${PEER}:4000 R seq 7 df ipid 0`];
    const { saved } = await play(COUNTED, [reset, [4e-3, reset[1], reset[2]], [6e-3, reset[1], reset[2]]]);
    expect(saved).toContain('[3:120] -A OUTPUT -p tcp -m tcp --tcp-flags RST RST');
  });

  it('passes OUTPUT whole, whatever fragments it leaves in', async () => {
    const part = (at: number, words: string): Sent => [
      at,
      '>eth0',
      `ip ${HOST} > ${PEER} proto 17 ipid 9 ${words}`,
    ];
    const { saved } = await play('*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p udp\nCOMMIT\n', [
      part(0, 'len 1480 mf'),
      part(1e-4, 'len 328 offset 1480'),
    ]);
    expect(saved).toContain('[1:1828] -A OUTPUT -p udp');
  });
});
