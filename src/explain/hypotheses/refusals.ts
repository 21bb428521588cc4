import { u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { Icmp, IcmpType, Tcp, TcpFlag } from '../../packet/transport.js';
import { rejectKindOf } from '../../rules/rejectCodes.js';
import type { HostLine } from './clues.js';

/** With what a packet that the host sent refuses another; undefined: it does not. */
export function refusalOf({ version, protocol, hasTransport, data, transport }: Packet): string | undefined {
  if (version !== 4 || !hasTransport || transport + Icmp.headerLength > data.length) return undefined;
  if (protocol === Protocol.icmp && u8(data, transport + Icmp.type) === IcmpType.destinationUnreachable)
    return rejectKindOf(4, u8(data, transport + Icmp.code));
  const isReset =
    protocol === Protocol.tcp &&
    transport + Tcp.flags < data.length &&
    (u8(data, transport + Tcp.flags) & TcpFlag.rst) !== 0;
  return isReset ? 'tcp-reset' : undefined;
}

/** The same of lines that only the host has. */
export function refusalsIn(lines: readonly HostLine[]): Set<string> {
  const out = new Set<string>();
  for (const { fields } of lines) {
    if (fields.get('IN') !== '') continue;
    const kind = fields.get('TYPE') === '3' ? rejectKindOf(4, Number(fields.get('CODE') ?? '')) : undefined;
    if (kind) out.add(kind);
    if (fields.has('RST')) out.add('tcp-reset');
  }
  return out;
}
