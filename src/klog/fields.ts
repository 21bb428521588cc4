import type { LogRecord, PacketLog } from './record.js';

/** Names that stand for something else again behind PROTO=: the UDP length, the ICMP identifier, TCP options. */
const AGAIN = new Set(['LEN', 'ID', 'OPT']);

/**
 * Every comparable field under the kernel's own name: `IN`, `SRC`, `DPT`, `DF` → ''. Where the kernel uses a name
 * twice, the second says whose it is: `UDP LEN`, `ICMP ID`, `TCP OPT`, `TCP ACK` (the number; `ACK` is the flag),
 * `ARP MACSRC`. The packet inside an ICMP error has `[` before each name: `[SRC`. `OUT` is absent where the
 * line has none. The order is the line's.
 */
export function fields(record: LogRecord): Map<string, string> {
  const map = new Map<string, string>([
    ['PREFIX', record.prefix],
    ['IN', record.in],
  ]);
  const put = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) map.set(name, String(value));
  };
  put('OUT', record.out);
  put('PHYSIN', record.physIn);
  put('PHYSOUT', record.physOut);
  if (record.mac?.kind === 'raw') {
    put('MAC', record.mac.text);
    put('TUNNEL', record.mac.tunnel);
  } else if (record.mac) {
    put('MACSRC', record.mac.source);
    put('MACDST', record.mac.destination);
    put('VPROTO', record.mac.vlan?.protocol);
    put('VID', record.mac.vlan?.id);
    put('MACPROTO', record.mac.protocol);
  }
  if (record.packet) putPacket(map, record.packet, '');
  put('UID', record.uid);
  put('GID', record.gid);
  put('MARK', record.mark === undefined ? undefined : `0x${(record.mark >>> 0).toString(16)}`);
  return map;
}

function putPacket(map: Map<string, string>, packet: PacketLog, bracket: string): void {
  let protocol: string | null = null;
  for (const [name, value] of packet.tokens) {
    if (name === '[' && packet.inner) putPacket(map, packet.inner, '[');
    if (name === '[' || name === ')') continue;
    let own = name;
    if (protocol !== null && AGAIN.has(name)) own = `${protocol} ${name}`;
    else if (name === 'ACK' && value !== null) own = 'TCP ACK';
    else if (packet.version === 'arp' && name.startsWith('MAC')) own = `ARP ${name}`;
    own = `${bracket}${own}`;
    let key = own;
    for (let n = 2; map.has(key) && n < 100; n++) key = `${own} ${n}`;
    map.set(key, value ?? '');
    if (name === 'PROTO') protocol = value;
  }
}
