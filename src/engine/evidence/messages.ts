import { u16 } from '../../packet/bytes.js';
import { Ipv4 } from '../../packet/ipv4.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { hasPorts } from '../../packet/rewrite.js';
import type { Hook } from '../../rules/hook.js';
import { samePayload } from './evidence.js';

/** A message of NFLOG: what the kernel told of a packet, where. */
export interface Message {
  readonly hook: Hook;
  readonly prefix: string;
}

interface Told {
  readonly packet: Packet;
  readonly by: Set<string>;
}

/** ns that a packet's way through the hooks takes at most. */
const LONGEST = 1e9;
/** Packets that are looked back at. */
const MOST = 64;

/** Tells the messages of one packet from those of the next: several rules tell of one, on its way through the hooks. */
export class Messages {
  private readonly recent: Told[] = [];

  /** Whether the packet was told of before. */
  isKnown(packet: Packet, { hook, prefix }: Message): boolean {
    const by = `${hook} ${prefix}`;
    for (let i = this.recent.length - 1; i >= 0; i--) {
      const told = this.recent[i];
      if (packet.time - told.packet.time > LONGEST) break;
      // The same rule tells of a packet once; a second message is of another one that looks the same.
      if (told.by.has(by) || !isSame(told.packet, packet)) continue;
      told.by.add(by);
      return true;
    }
    this.recent.push({ packet: packet.clone(), by: new Set([by]) });
    if (this.recent.length > MOST) this.recent.shift();
    return false;
  }
}

/** The same packet, whatever translation and forwarding have changed of it. */
function isSame(a: Packet, b: Packet): boolean {
  if (a.version !== b.version || a.protocol !== b.protocol || a.length !== b.length) return false;
  if (a.fragmentOffset !== b.fragmentOffset) return false;
  if (a.version === 4 && u16(a.data, Ipv4.id) !== u16(b.data, Ipv4.id)) return false;
  const icmp = a.protocol === Protocol.icmp || a.protocol === Protocol.icmpv6;
  return samePayload(a, b, icmp ? 6 : hasPorts(a.protocol) ? 4 : 0);
}
