import { u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import { Tcp, TcpFlag } from '../../packet/transport.js';
import type { Direction } from '../../rules/connection.js';
import { STREAM_AFTER } from './protocols.js';
import type { ConnectionRows } from './rows.js';
import type { ConntrackSettings } from './settings.js';
import { timeoutOf } from './tcp.js';
import { Segment, TcpConnState, TcpState } from './tcpState.js';
import { judgeWindow } from './tcpWindow.js';
import type { TrackedPacket } from './verdict.js';

/** The packet's connection is to be asked the long way; nothing was changed. */
export const NOT_STEADY = -1;

const tcp = new TcpState();

/**
 * What `trackProtocol` would do with a packet of a confirmed connection that was answered, where that changes nothing but
 * what stands in the row: no event comes of it, no bit of the status changes, the verdict is to accept it. A TCP segment
 * has ACK and neither FIN nor RST.
 * @returns ns that the connection is kept from then on, or NOT_STEADY
 */
export function steadyTimeout(
  rows: ConnectionRows,
  row: number,
  direction: Direction,
  packet: TrackedPacket,
  isAssured: boolean,
  settings: ConntrackSettings,
): number {
  switch (packet.protocol) {
    case Protocol.tcp: {
      if (u8(packet.data, packet.transport + Tcp.flags) & TcpFlag.syn) return NOT_STEADY;
      rows.readTcp(row, tcp);
      // Before that it is to be assured, after that a segment may lead to another state.
      if (!isAssured || tcp.state !== TcpConnState.established) return NOT_STEADY;
      if (judgeWindow(tcp, packet, direction, Segment.ack, settings.tcpLiberal) !== 'accepted')
        return NOT_STEADY;
      tcp.lastSegment = Segment.ack;
      tcp.lastDirection = direction;
      rows.setTcp(row, tcp);
      return timeoutOf(tcp, TcpConnState.established, Segment.ack, settings);
    }
    case Protocol.udp: {
      const isStream = packet.time > rows.born(row) + STREAM_AFTER;
      if (!isStream) return settings.udp;
      return isAssured ? settings.udpStream : NOT_STEADY;
    }
    case Protocol.icmp:
      return settings.icmp;
    default:
      return NOT_STEADY;
  }
}
