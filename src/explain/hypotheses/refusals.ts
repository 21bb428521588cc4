import { u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { Icmp, IcmpType, Tcp, TcpFlag } from '../../packet/transport.js';
import type { HostLine } from './clues.js';

/** By code of "destination unreachable": how -j REJECT calls it (extensions/libipt_REJECT.c of iptables). */
const BY_CODE = new Map([
  [0, 'icmp-net-unreachable'],
  [1, 'icmp-host-unreachable'],
  [2, 'icmp-proto-unreachable'],
  [3, 'icmp-port-unreachable'],
  [9, 'icmp-net-prohibited'],
  [10, 'icmp-host-prohibited'],
  [13, 'icmp-admin-prohibited'],
]);

/** With what a packet that the host sent refuses another; undefined: it does not. */
export function refusalOf({ version, protocol, hasTransport, data, transport }: Packet): string | undefined {
  if (version !== 4 || !hasTransport || transport + Icmp.headerLength > data.length) return undefined;
  if (protocol === Protocol.icmp && u8(data, transport + Icmp.type) === IcmpType.destinationUnreachable)
    return BY_CODE.get(u8(data, transport + Icmp.code));
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
    const kind = fields.get('TYPE') === '3' ? BY_CODE.get(Number(fields.get('CODE') ?? '')) : undefined;
    if (kind) out.add(kind);
    if (fields.has('RST')) out.add('tcp-reset');
  }
  return out;
}
