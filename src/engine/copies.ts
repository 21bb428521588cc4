import { setU16, u16 } from '../packet/bytes.js';
import { ipv4HeaderChecksum } from '../packet/checksum.js';
import { Ipv4, Ipv4Fragment } from '../packet/ipv4.js';
import { SocketKind } from '../packet/numbers.js';
import type { Packet } from '../packet/packet.js';
import { setTtl, ttlOf } from '../packet/rewrite.js';
import { CtState } from '../rules/connection.js';
import { Hook } from '../rules/hook.js';
import { Passage } from './passage.js';

/**
 * The copy of a packet that -j TEE sends (`nf_dup_ipv4()`, `nf_dup_ipv6()`, net/ipv4/netfilter/nf_dup_ipv4.c and its sibling):
 * nobody tracks it, what has just come in is a hop further on, and IPv4 must not fragment it.
 */
export function copyOf(passage: Passage, packet: Packet, hook: Hook): Passage {
  const copy = new Passage(packet.clone());
  copy.packet.own();
  copy.packet.in = null;
  copy.packet.physIn = null;
  copy.packet.socket = SocketKind.none;
  if (packet.version === 4) forbidFragments(copy.packet);
  if (hook === Hook.prerouting || hook === Hook.input) setTtl(copy.packet, (ttlOf(packet) - 1) & 0xff);
  copy.state = CtState.untracked;
  copy.doubt = passage.doubt;
  copy.guessed = passage.guessed;
  copy.uncaptured = passage.uncaptured;
  return copy;
}

function forbidFragments(packet: Packet): void {
  const data = packet.own();
  setU16(data, Ipv4.fragment, u16(data, Ipv4.fragment) | Ipv4Fragment.dontFragment);
  setU16(data, Ipv4.checksum, 0);
  setU16(data, Ipv4.checksum, ipv4HeaderChecksum(data));
}
