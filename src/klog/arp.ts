import { Arp, ETHERNET_IPV4 } from '../packet/arp.js';
import { i32, u16 } from '../packet/bytes.js';
import { type Bytes, type Draft, incomplete, presence } from './draft.js';
import { Word } from './words.js';

const ETHERNET = 1;

/** `dump_arp_packet()`: no space follows its last word. */
export function describeArp(packet: Bytes, draft: Draft): void {
  const { data } = packet;
  draft.ended = draft.bare = true;
  const header = presence(packet, 0, Arp.header);
  if (header === 'cut') draft.cutShort = true;
  if (header === 'short') draft.flag(Word.truncated);
  if (header !== 'whole') return;
  draft.flag(Word.arp);
  draft.number(Word.htype, u16(data, Arp.hardware));
  draft.hex(Word.ptype, u16(data, Arp.protocol), 4);
  draft.number(Word.opcode, u16(data, Arp.operation));
  if (u16(data, Arp.hardware) !== ETHERNET || u16(data, Arp.lengths) !== ETHERNET_IPV4) return;
  const addresses = presence(packet, Arp.header, Arp.end - Arp.header);
  if (addresses === 'cut') draft.cutShort = true;
  if (addresses === 'short') incomplete(packet, Arp.header, draft);
  if (addresses !== 'whole') return;
  draft.mac(Word.macSrc, data, Arp.senderMac, Arp.senderMac + 6);
  draft.ipv4(Word.ipSrc, i32(data, Arp.senderIp));
  draft.mac(Word.macDst, data, Arp.targetMac, Arp.targetMac + 6);
  draft.ipv4(Word.ipDst, i32(data, Arp.targetIp));
}
