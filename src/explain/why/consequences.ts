import type { PacketEnd } from '../../engine/observer.js';
import type { Passage } from '../../engine/passage.js';
import type { Admission } from '../../engine/replayOptions.js';
import { u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { Tcp, TcpFlag } from '../../packet/transport.js';
import type { Direction } from '../../rules/connection.js';
import { Fates } from './fates.js';

const MOST_CUT = 100_000;

/**
 * What would not have been in the capture had other rules been there: once a packet of a connection is dropped
 * that had passed, its answers, and for TCP all that came after it but a new SYN, are not run. Nor is what left
 * the host only because of the rules as they were.
 */
export class Consequences {
  /** Of the replay that is watched. */
  readonly fates = new Fates();
  /** Connections cut, by the ids that they had before, and the direction in which. */
  private readonly cut = new Map<number, Direction>();

  constructor(private readonly before: Fates) {}

  readonly admits: Admission = (packet, how) => {
    const { before } = this;
    const { frame } = packet;
    if (how === 'sent' && !before.ran(frame)) return false;
    const direction = this.cut.get(before.connection(frame));
    if (direction === undefined) return true;
    if (packet.protocol === Protocol.tcp) return opens(packet);
    return before.direction(frame) === direction;
  };

  packet(passage: Passage, how: 'received' | 'sent'): void {
    this.fates.packet(passage, how);
  }

  end(passage: Passage, how: PacketEnd): void {
    this.fates.end(passage, how);
    const { frame } = passage.packet;
    const connection = this.before.connection(frame);
    if (connection === 0 || this.fates.isAnswer(passage) || !this.before.passed(frame)) return;
    if (how.kind === 'dropped' || how.kind === 'held') {
      if (this.cut.size < MOST_CUT) this.cut.set(connection, this.before.direction(frame));
    } else this.cut.delete(connection);
  }
}

function opens(packet: Packet): boolean {
  const flags = u8(packet.data, packet.transport + Tcp.flags);
  return (flags & (TcpFlag.syn | TcpFlag.ack)) === TcpFlag.syn;
}
