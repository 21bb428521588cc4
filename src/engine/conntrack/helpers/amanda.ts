import { Protocol } from '../../../packet/numbers.js';
import type { Packet } from '../../../packet/packet.js';
import { payloadOffset } from '../../../packet/payload.js';
import { CtStatus, Direction } from '../../../rules/connection.js';
import { Verdict } from '../../../rules/verdict.js';
import type { ConnectionEntry } from '../entry.js';
import { type Helper, type HelperHost, lastFor } from './helper.js';

/** What a reply names a port for. */
const STREAMS = ['DATA ', 'MESG ', 'INDEX '];
const CONNECT = 'CONNECT ';
/** Digits of a port. */
const DIGITS = 5;
/** `master_timeout`: how long a client that estimates its backups is waited for, seconds. */
const PATIENCE = 300;

/** The backup server connects to ports that the client names: net/netfilter/nf_conntrack_amanda.c. */
export const amanda: Helper = {
  name: 'amanda',
  protocol: Protocol.udp,
  most: 3,
  seconds: 180,
  help({ packet, direction }, entry, host) {
    if (direction === Direction.original) return Verdict.accept;
    lastFor(entry, packet.time, PATIENCE);
    if (!host.payload()) return Verdict.accept;
    const begin = payloadOffset(packet);
    const text = textOf(packet, begin);
    const line = lineOf(text);
    if (!line) return Verdict.accept;
    let verdict: Verdict = Verdict.accept;
    for (const stream of STREAMS) {
      // What was written for the stream before may have moved this one.
      const found = portOf(textOf(packet, begin), line, stream);
      if (found === null) continue;
      if (found.port === 0) break;
      const at = { from: begin + found.from, to: begin + found.to };
      const done = expectStream(entry, packet, found.port, at, host, stream);
      if (done !== null) verdict = done;
    }
    return verdict;
  },
};

/** Bytes as characters of the same number. */
function textOf({ data, length }: Packet, begin: number): string {
  return Buffer.from(data.subarray(begin, length)).toString('latin1');
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** The rest of the line that begins with CONNECT; it ends before its newline. */
function lineOf(text: string): Span | null {
  const at = text.indexOf(CONNECT);
  if (at < 0) return null;
  const from = at + CONNECT.length;
  const to = text.indexOf('\n', from);
  return to < 0 ? null : { from, to };
}

/** Port 0: something else stands there. */
function portOf(text: string, { from, to }: Span, stream: string): (Span & { port: number }) | null {
  const at = text.slice(from, to).indexOf(stream);
  if (at < 0) return null;
  const begin = from + at + stream.length;
  const [digits] = /^\d*/.exec(text.slice(begin, Math.min(begin + DIGITS, to))) ?? [''];
  return { port: Number(digits) & 0xffff, from: begin, to: begin + digits.length };
}

/** null: nothing is to be said of it (`nf_nat_amanda_hook` alone says that a packet may go on). */
function expectStream(
  entry: ConnectionEntry,
  packet: Packet,
  port: number,
  { from, to }: Span,
  host: HelperHost,
  stream: string,
): Verdict | null {
  const tuple = entry.original.copy();
  tuple.protocol = Protocol.tcp;
  tuple.sourcePort = 0;
  tuple.destinationPort = port;
  if (packet.version !== 4 || !entry.has(CtStatus.srcNat | CtStatus.dstNat))
    return host.expect({ tuple }) ? null : host.refuse('cannot add expectation');
  const follow = { direction: Direction.original, port };
  const chosen = host.expectAtFreePort({ tuple, follow }, (bytes) => {
    const seen = Buffer.from(bytes).toString('latin1');
    const line = lineOf(seen);
    return line && (portOf(seen, line, stream)?.port || null);
  });
  if (chosen === 0) return host.refuse('all ports in use');
  return host.mangle(from, to, String(chosen)) ? Verdict.accept : host.refuse('cannot mangle packet');
}
