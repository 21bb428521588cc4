import { expect, it } from 'vitest';
import { play, type Sent } from '../helpers/router.js';

/* Whether a capture has one direction alone is not told by its first frames. */

const STATES = `*filter
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -m conntrack --ctstate NEW
-A OUTPUT -m conntrack --ctstate ESTABLISHED
COMMIT
`;
const ping = (seconds: number, sequence: number): Sent => [
  seconds,
  '>eth0',
  `icmp 198.51.100.2 > 198.51.100.9 8/0 id 5 n ${sequence}`,
];
const COMES: Sent = [9, 'eth0', 'udp 198.51.100.7:4000 > 198.51.100.2:53 len 8'];

it('nobody answers what the host asks first, where packets come in later', async () => {
  const { saved } = await play(STATES, [ping(0, 1), ping(1, 2), ping(2, 3), COMES]);
  expect(saved).toContain('-A OUTPUT -m conntrack --ctstate ESTABLISHED');
  expect(saved).toMatch(/\[3:\d+\] -A OUTPUT -m conntrack --ctstate NEW/);
});

it('somebody may have, where none does', async () => {
  const { saved } = await play(STATES, [ping(0, 1), ping(1, 2), ping(2, 3)]);
  expect(saved).toMatch(/\[2:\d+\] -A OUTPUT -m conntrack --ctstate ESTABLISHED/);
});
