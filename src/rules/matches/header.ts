import type { Packet } from '../../packet/packet.js';
import type { Condition } from '../definition.js';
import { Outcome } from '../verdict.js';

/**
 * Whether the bytes before `end` are there to be read, as `skb_header_pointer()` answers the matches of the kernel:
 * hit where they are, `hotdrop` where the packet ends before, unknown where only the capture does.
 */
export function reach(packet: Packet, end: number): Outcome {
  if (end <= packet.data.length) return Outcome.hit;
  return end <= packet.length ? Outcome.unknown : Outcome.hotdrop;
}

/** The same for the first `size` bytes of the transport header; a later fragment has none and is a miss. */
export function transportHeader(packet: Packet, size: number): Outcome {
  return packet.fragmentOffset === 0 ? reach(packet, packet.transport + size) : Outcome.miss;
}

/** Tells why a match got no header to look into. */
export function withoutHeader(what: string, packet: Packet, outcome: Outcome): Condition {
  const dropped = outcome === Outcome.hotdrop ? ', which is dropped at once' : '';
  const saw =
    outcome === Outcome.unknown
      ? 'bytes that the capture did not keep'
      : packet.fragmentOffset !== 0
        ? `a later fragment (offset ${packet.fragmentOffset})${dropped}`
        : `a packet of ${packet.length} bytes, too short for it${dropped}`;
  return { name: what, field: 'transport', wanted: `a ${what} header`, saw, outcome };
}
