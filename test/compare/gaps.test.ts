import { describe, expect, it } from 'vitest';
import { type Gap, whyMissed } from '../../src/compare/gaps.js';
import { parse } from '../../src/klog/parse.js';

const LINE = (from: string, to: string): string =>
  `p: IN=${from} OUT=${to} SRC=192.0.2.1 DST=192.0.2.2 LEN=28 TOS=0x00 PREC=0x00 TTL=63 ID=1 PROTO=UDP SPT=1 DPT=2 LEN=8 `;
const GAPS: readonly Gap[] = [
  { from: 1e9, to: 2e9, interface: 'eth1', reason: 'eth1 was down' },
  { from: 5e9, to: Infinity, interface: null, reason: 'packets were lost' },
];

describe('a line of a packet that the capture may have missed', () => {
  it.each([
    ['in the gap, on its interface', 'eth1', '', 1.5, 'eth1 was down'],
    ['out by its interface', 'eth0', 'eth1', 1.5, 'eth1 was down'],
    ['on another interface', 'eth0', 'eth2', 1.5, null],
    ['within the slack behind it', 'eth1', '', 2.1, 'eth1 was down'],
    ['behind it', 'eth1', '', 2.3, null],
    ['before it', 'eth1', '', 0.5, null],
    ['in a gap of all interfaces that still lasts', 'eth7', '', 99, 'packets were lost'],
  ])('%s', (_, from, to, seconds, reason) => {
    expect(whyMissed(GAPS, parse(LINE(from, to)), seconds * 1e9, 0.2e9)?.reason ?? null).toBe(reason);
  });

  it('that is no line of LOG is of no interface', () => {
    expect(whyMissed(GAPS, null, 1.5e9, 0)).toBeNull();
    expect(whyMissed(GAPS, null, 6e9, 0)).toEqual({ mayBeCaptured: true, reason: 'packets were lost' });
  });
});
