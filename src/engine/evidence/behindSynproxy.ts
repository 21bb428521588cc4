import { tcpSegment } from '../../packet/build.js';
import { i32, u16, u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { readTcpOptions, tcpOptionBytes } from '../../packet/tcpOptions.js';
import { Tcp, TcpFlag } from '../../packet/transport.js';
import { Direction } from '../../rules/connection.js';
import type { Found } from '../conntrack/table.js';
import { TcpConnState } from '../conntrack/tcpState.js';

const { syn: SYN, ack: ACK, fin: FIN, rst: RST } = TcpFlag;

/** What a Linux server says of its segments by default (RFC 894). */
const MSS = 1460;

/**
 * What synproxy sends was made because of something that came in. Where that was not captured, it is told by what left:
 * the SYN+ACK of a server by how the client is told of it, and the answer of a client by the SYN that goes to the server.
 * @param found the connection of what left
 * @returns null: it is none of that
 */
export function causeOfSynproxy(left: Packet, found: Found | null): Packet | null {
  if (left.protocol !== Protocol.tcp || !left.hasTransport || left.fragmentOffset !== 0) return null;
  const { data, transport } = left;
  const flags = u8(data, transport + Tcp.flags) & (SYN | ACK | FIN | RST);
  const sequence = i32(data, transport + Tcp.sequence);
  const acknowledgment = i32(data, transport + Tcp.acknowledgment);
  const timestamps = readTcpOptions(left)?.timestamps ?? null;
  const none = { mss: null, windowScale: null, sackPermitted: false };
  const window = u16(data, transport + Tcp.window);
  let cause: Packet | null = null;
  // No other SYN has a number there: it is the cookie.
  if (!found && flags === SYN && acknowledgment !== 0)
    cause = tcpSegment(left, 'on', {
      ...{ sequence: sequence + 1, acknowledgment: acknowledgment + 1, flags: ACK, window },
      options: tcpOptionBytes({ ...none, timestamps }),
    });
  else if (found?.entry.proxied && flags === ACK && isUnanswered(found)) {
    cause = tcpSegment(left, 'on', {
      ...{ sequence: sequence - 1, acknowledgment, flags: SYN | ACK, window },
      options: tcpOptionBytes({ ...none, mss: MSS, timestamps }),
    });
    // As if the server had numbered as synproxy has for it.
    found.entry.proxied.guessed = 'SEQ';
  }
  if (cause) cause.frame = left.frame;
  return cause;
}

function isUnanswered({ entry, direction }: Found): boolean {
  return direction === Direction.reply && entry.tcpState()?.state === TcpConnState.synSent;
}
