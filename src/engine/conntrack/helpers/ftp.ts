import type { IpAddress } from '../../../address/ip.js';
import { u32 } from '../../../packet/bytes.js';
import { Protocol } from '../../../packet/numbers.js';
import { payloadOffset } from '../../../packet/payload.js';
import { Tcp } from '../../../packet/transport.js';
import { CtState, CtStatus, opposite, Tuple } from '../../../rules/connection.js';
import { Verdict } from '../../../rules/verdict.js';
import type { Passage } from '../../passage.js';
import type { ConnectionEntry } from '../entry.js';
import { type DataPort, readDataPort, writeDataPort } from './ftpCommands.js';
import type { Helper, HelperHost } from './helper.js';

const NEWLINE = 0x0a;
/** NUM_SEQ_TO_REMEMBER (linux/netfilter/nf_conntrack_ftp.h). */
const REMEMBERED = 2;

/** By direction the sequence numbers at which a line begins, as far as seen: `struct nf_ct_ftp_master`. */
export type FtpLines = readonly [number[], number[]];

/** What tells of data connections in an FTP control connection: net/netfilter/nf_conntrack_ftp.c. */
export const ftp: Helper = {
  name: 'ftp',
  protocol: Protocol.tcp,
  most: 1,
  seconds: 300,
  help(passage, entry, host) {
    const { packet, state, direction } = passage;
    if (state !== CtState.established) return Verdict.accept;
    const bytes = host.payload();
    if (!bytes || bytes.length === 0) return Verdict.accept;
    const sequence = u32(packet.data, packet.transport + Tcp.sequence);
    const lines = (entry.ftpLines ??= [[], []])[direction];
    // Nobody knows where the lines of a connection began that was there before; the kernel does.
    const begins = lines.includes(sequence) || (entry.fromSnapshot && lines.length === 0);
    const found = begins ? readDataPort(bytes, direction, packet.version) : null;
    if (found && 'word' in found) return host.refuse(`partial matching of \`${found.word}'`);
    const verdict = found ? expectData(passage, entry, found, payloadOffset(packet), host) : Verdict.accept;
    if (bytes[bytes.length - 1] === NEWLINE) remember(lines, (sequence + bytes.length) >>> 0);
    return verdict;
  },
  undo(payload, sequence, entry, direction) {
    if (entry.ftpLines?.[direction].includes(sequence) !== true) return null;
    const { version, source } = entry.tuple(direction);
    const found = readDataPort(payload, direction, version);
    if (!found || 'word' in found) return null;
    const { kind, address, port, from, to } = found;
    if (address && !isSame(address, entry.tuple(opposite(direction)).destination)) return null;
    return { from, to, text: writeDataPort(kind, source, port) };
  },
};

/** `update_nl_seq()`. */
function remember(lines: number[], sequence: number): void {
  if (lines.includes(sequence)) return;
  if (lines.length < REMEMBERED) {
    lines.push(sequence);
    return;
  }
  const oldest = ((lines[0] - lines[1]) | 0) < 0 ? 0 : 1;
  if (((sequence - lines[oldest]) | 0) > 0) lines[oldest] = sequence;
}

/** The other side is to connect to where the sender says that it listens. */
function expectData(
  passage: Passage,
  entry: ConnectionEntry,
  { kind, address, port, from, to }: DataPort,
  payload: number,
  host: HelperHost,
): Verdict {
  const { direction } = passage;
  const { version } = passage.packet;
  const other = opposite(direction);
  const own = entry.tuple(direction).source;
  // A sender may speak for itself alone (the module's `loose` is off).
  if (address && !isSame(address, own)) return Verdict.accept;
  const answers = entry.tuple(other);
  const wanted = new Tuple();
  wanted.version = answers.version;
  wanted.protocol = Protocol.tcp;
  wanted.source = answers.source;
  wanted.destination = answers.destination;
  wanted.destinationPort = port;
  if (!entry.has(CtStatus.srcNat | CtStatus.dstNat))
    return host.expect({ tuple: wanted }) ? Verdict.accept : host.refuse('cannot add expectation');
  const chosen = host.expectAtFreePort({ tuple: wanted, follow: { direction: other, port } }, (bytes) => {
    const seen = readDataPort(bytes, direction, version);
    return seen && 'port' in seen ? seen.port : null;
  });
  if (chosen === 0) return host.refuse('all ports in use');
  const text = writeDataPort(kind, answers.destination, chosen);
  return host.mangle(payload + from, payload + to, text)
    ? Verdict.accept
    : host.refuse('cannot mangle packet');
}

/** What PORT and 227 say has room for the first word of an IPv6 address only, and the kernel compares that. */
function isSame(said: IpAddress, own: IpAddress): boolean {
  return said.version === own.version ? said.equals(own) : said.a === own.a;
}
