import { u16 } from '../../../packet/bytes.js';
import { Protocol } from '../../../packet/numbers.js';
import { Udp } from '../../../packet/transport.js';
import { CtStatus, Direction } from '../../../rules/connection.js';
import { Verdict } from '../../../rules/verdict.js';
import type { Helper } from './helper.js';

/** RFC 1350: what opens a transfer. */
const READ = 1;
const WRITE = 2;

/** A transfer comes from another port of the server, to the port that asked for it: net/netfilter/nf_conntrack_tftp.c. */
export const tftp: Helper = {
  name: 'tftp',
  protocol: Protocol.udp,
  most: 1,
  seconds: 300,
  help({ packet: { data, transport, length } }, entry, host) {
    const at = transport + Udp.headerLength;
    if (length < at + 2) return Verdict.accept;
    if (data.length < at + 2) {
      host.mayCome('what it says to the tftp helper was not captured');
      return Verdict.accept;
    }
    const opcode = u16(data, at);
    if (opcode !== READ && opcode !== WRITE) return Verdict.accept;
    const wanted = entry.tuple(Direction.reply).copy();
    wanted.sourcePort = 0;
    const translated = entry.has(CtStatus.srcNat | CtStatus.dstNat);
    const port = entry.tuple(Direction.original).sourcePort;
    const follow = translated ? { direction: Direction.reply, port } : null;
    return host.expect({ tuple: wanted, follow }) ? Verdict.accept : host.refuse('cannot add expectation');
  },
};
