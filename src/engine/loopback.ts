import type { Device } from '../packet/device.js';
import { PacketType } from '../packet/numbers.js';
import { again, type Passage } from './passage.js';

/** Where packets go that come back in, and those that are sent meanwhile. */
interface Stack {
  receive(passage: Passage): void;
  send(passage: Passage): void;
  ingress(passage: Passage, device: Device): boolean;
}

/**
 * What comes of a packet while it is still on its way: what the host sends because of it, and what of that comes back in
 * through lo, each in the kernel's order.
 */
export class Loopback {
  /** Packets on their way, one because of the other; what loops meanwhile waits until they are gone. */
  private answering = 0;
  private readonly looping: Passage[] = [];

  /** @param aside runs what is not the packet's that rules are asked about */
  constructor(
    private readonly stack: Stack,
    private readonly aside: (run: () => void) => void,
  ) {}

  /** What leaves through lo comes back in, with the connection it has: `loopback_xmit()`. */
  loop(passage: Passage): void {
    const back = again(passage);
    const { packet } = back;
    packet.in = packet.out;
    packet.out = null;
    packet.link = packet.version === 4 ? LOOPBACK_LINK_4 : LOOPBACK_LINK_6;
    packet.packetType = PacketType.host;
    if (packet.in && !this.stack.ingress(back, packet.in)) return;
    // It is taken up where the device's queue is read: `enqueue_to_backlog()` (net/core/dev.c).
    if (this.answering > 0) this.looping.push(back);
    else this.stack.receive(back);
  }

  /** A packet of the host's own that was made while `cause` was handled, which goes on behind it. */
  send(passage: Passage, cause: Passage): void {
    passage.doubt ??= cause.doubt;
    passage.packet.time = cause.packet.time;
    passage.packet.frame = cause.packet.frame;
    this.aside(() => {
      this.answering++;
      this.stack.send(passage);
      if (--this.answering > 0) return;
      for (let next = this.looping.shift(); next; next = this.looping.shift()) this.stack.receive(next);
    });
  }
}

const LOOPBACK_LINK_4 = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00]);
const LOOPBACK_LINK_6 = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x86, 0xdd]);
