import { formatIpv4 } from '../address/ip.js';
import { formatMac } from '../address/mac.js';
import { Arp, ETHERNET_IPV4 } from '../packet/arp.js';
import { i32, u16 } from '../packet/bytes.js';
import { type Bytes, type Draft, newDraft, presence } from './draft.js';

const ETHERNET = 1;

/** `dump_arp_packet()`: no space follows its last word. */
export function describeArp(packet: Bytes): Draft {
  const draft = newDraft();
  const { tokens } = draft;
  const { data } = packet;
  draft.ended = draft.bare = true;
  const header = presence(packet, 0, Arp.header);
  if (header === 'cut') draft.cutShort = true;
  if (header === 'short') tokens.push(['TRUNCATED', null]);
  if (header !== 'whole') return draft;
  tokens.push(
    ['ARP', null],
    ['HTYPE', `${u16(data, Arp.hardware)}`],
    ['PTYPE', `0x${u16(data, Arp.protocol).toString(16).padStart(4, '0')}`],
    ['OPCODE', `${u16(data, Arp.operation)}`],
  );
  if (u16(data, Arp.hardware) !== ETHERNET || u16(data, Arp.lengths) !== ETHERNET_IPV4) return draft;
  const addresses = presence(packet, Arp.header, Arp.end - Arp.header);
  if (addresses === 'cut') draft.cutShort = true;
  if (addresses === 'short') tokens.push(['INCOMPLETE', `[${packet.length - Arp.header} bytes]`]);
  if (addresses !== 'whole') return draft;
  const mac = (at: number): string => formatMac(data.subarray(at, at + 6));
  tokens.push(
    ['MACSRC', mac(Arp.senderMac)],
    ['IPSRC', formatIpv4(i32(data, Arp.senderIp))],
    ['MACDST', mac(Arp.targetMac)],
    ['IPDST', formatIpv4(i32(data, Arp.targetIp))],
  );
  return draft;
}
