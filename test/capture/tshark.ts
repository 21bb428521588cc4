import { execFileSync } from 'node:child_process';
import type { PacketRow } from '../../src/capture/list.js';

/** Where tshark has each of the ports, or the ICMP type and code, of a protocol. */
const PORTS: ReadonlyMap<string, readonly [string, string]> = new Map([
  ['6', ['tcp.srcport', 'tcp.dstport']],
  ['17', ['udp.srcport', 'udp.dstport']],
  ['136', ['udp.srcport', 'udp.dstport']],
  ['132', ['sctp.srcport', 'sctp.dstport']],
  ['33', ['dccp.srcport', 'dccp.dstport']],
  ['icmp', ['icmp.type', 'icmp.code']],
  ['icmpv6', ['icmpv6.type', 'icmpv6.code']],
]);
const FIELDS = [
  ...['frame.number', 'frame.time_epoch', 'frame.cap_len', 'frame.protocols', '_ws.malformed'],
  ...['ip.src', 'ip.dst', 'ip.proto', 'ip.len', 'ipv6.src', 'ipv6.dst', 'ipv6.plen'],
  ...['arp.src.proto_ipv4', 'arp.dst.proto_ipv4', 'ip.frag_offset', 'ipv6.fraghdr.offset'],
  ...[...PORTS.values()].flat(),
];

type Seen = Partial<Record<keyof PacketRow, string>>;

/**
 * What tshark says of each frame, as far as it says it, in the words of `nfreplay packets`. Of tunnels it is the outermost packet.
 * The protocol of IPv6, which tshark has no field for, is taken from `ours`.
 */
export function tsharkRows(file: string, ours: readonly PacketRow[]): Seen[] {
  const options = ['-n', '-E', 'occurrence=f', '-E', 'separator=|'];
  const preferences = ['ip.defragment:FALSE', 'ipv6.defragment:FALSE', 'tcp.desegment_tcp_streams:FALSE'];
  const text = execFileSync(
    'tshark',
    [
      ...['-r', file, ...options, ...preferences.flatMap((p) => ['-o', p])],
      ...['-T', 'fields', ...FIELDS.flatMap((f) => ['-e', f])],
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  return text
    .trimEnd()
    .split('\n')
    .map((line, i) => {
      const values = line.split('|');
      const of = (field: string): string => values[FIELDS.indexOf(field)];
      return seen(of, String(ours[i]?.protocol ?? ''));
    });
}

function seen(of: (field: string) => string, ourProtocol: string): Seen {
  const [seconds, fraction] = of('frame.time_epoch').split('.');
  const time = `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction.padEnd(9, '0')}Z`;
  const frame = { frame: of('frame.number'), time, captured: of('frame.cap_len') };
  const network = of('frame.protocols')
    .split(':')
    .find((name) => name === 'ip' || name === 'ipv6' || name === 'arp');
  if (network === 'arp')
    return { ...frame, family: 'arp', src: of('arp.src.proto_ipv4'), dst: of('arp.dst.proto_ipv4') };
  if (network === undefined || !of(`${network}.dst`)) return frame;
  const isV4 = network === 'ip';
  const packet = {
    ...frame,
    family: isV4 ? '4' : '6',
    src: of(`${network}.src`),
    dst: of(`${network}.dst`),
    protocol: isV4 ? of('ip.proto') : ourProtocol,
    length: isV4 ? of('ip.len') : String(Number(of('ipv6.plen')) + 40),
  };
  const offset = of(isV4 ? 'ip.frag_offset' : 'ipv6.fraghdr.offset');
  const icmp = isV4 ? (packet.protocol === '1' ? 'icmp' : null) : packet.protocol === '58' ? 'icmpv6' : null;
  const ports = PORTS.get(icmp ?? packet.protocol);
  if (!ports) return { ...packet, sport: '', dport: '' };
  // What tshark stops at, it has no word for.
  if (!['', '0'].includes(offset) || of(ports[1]) === '') return packet;
  return { ...packet, sport: of(ports[0]), dport: of(ports[1]) };
}
