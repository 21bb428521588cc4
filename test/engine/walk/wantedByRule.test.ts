import { describe, expect, it } from 'vitest';
import { hasWholeHeader } from '../../../src/engine/walk/wantedByRule.js';
import { packetBytes } from '../../../src/explain/walks/packetWords.js';
import { decodePacket } from '../../../src/packet/packet.js';
import { packet } from '../../explain/asking.js';

/** Whether rules may be passed over by the ports of a packet of which so many bytes behind the IP header are there. */
function isWhole(words: string, captured: number): boolean {
  const read = decodePacket(packetBytes(packet(`${words} in eth0`)).subarray(0, 20 + captured));
  if (typeof read === 'string') throw new Error(read);
  return hasWholeHeader(read);
}

describe('what rules want of ports is held against', () => {
  it.each([
    ['tcp 10.0.0.1:5 > 10.0.0.2:6', 20],
    ['udp 10.0.0.1:5 > 10.0.0.2:6', 8],
    // `-m sctp` and `-m dccp` do not know where they lack a byte of it.
    ['sctp 10.0.0.1:5 > 10.0.0.2:6', 12],
    ['dccp 10.0.0.1:5 > 10.0.0.2:6', 12],
  ])('%s with %i bytes of its header, and not with one less', (words, bytes) => {
    expect(isWhole(words, bytes)).toBe(true);
    expect(isWhole(words, bytes - 1)).toBe(false);
  });

  it('what has no ports, as it is', () => {
    expect(isWhole('icmp 10.0.0.1 > 10.0.0.2', 8)).toBe(true);
  });
});
