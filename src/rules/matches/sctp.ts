import { u16, u8 } from '../../packet/bytes.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { Sctp } from '../../packet/transport.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { bang } from '../negatable.js';
import type { GivenOption, OptionList } from '../options.js';
import {
  asksForPort,
  listPort,
  portConditions,
  portHits,
  type PortTest,
  portTest,
  printPort,
} from '../portTest.js';
import { KERNEL_REFUSES } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { reach, transportHeader, withoutHeader } from './header.js';

/** `struct xt_sctp_info` (linux/netfilter/xt_sctp.h). */
export interface SctpMatch {
  readonly source: PortTest | null;
  readonly destination: PortTest | null;
  readonly chunks: ChunkTest | null;
}

interface ChunkTest {
  readonly how: 'any' | 'all' | 'only';
  readonly negated: boolean;
  /** By type, ascending; flags of null are any. */
  readonly types: ReadonlyMap<number, { readonly mask: number; readonly flags: number } | null>;
}

const CHUNKS: readonly (readonly [name: string, type: number, flags: string])[] = [
  ['DATA', 0, '----IUBE'],
  ['INIT', 1, ''],
  ['INIT_ACK', 2, ''],
  ['SACK', 3, ''],
  ['HEARTBEAT', 4, ''],
  ['HEARTBEAT_ACK', 5, ''],
  ['ABORT', 6, '-------T'],
  ['SHUTDOWN', 7, ''],
  ['SHUTDOWN_ACK', 8, ''],
  ['ERROR', 9, ''],
  ['COOKIE_ECHO', 10, ''],
  ['COOKIE_ACK', 11, ''],
  ['ECN_ECNE', 12, ''],
  ['ECN_CWR', 13, ''],
  ['SHUTDOWN_COMPLETE', 14, '-------T'],
  ['I_DATA', 64, '----IUBE'],
  ['ASCONF', 193, ''],
  ['ASCONF_ACK', 128, ''],
  ['RE_CONFIG', 130, ''],
  ['PAD', 132, ''],
  ['FORWARD_TSN', 192, ''],
  ['I_FORWARD_TSN', 194, ''],
];
const LAST_WITH_FLAGS = 14;
const HEADER_LENGTH = 4;

function parseChunks(options: OptionList, given: GivenOption): ChunkTest | null {
  const [howWord, listWord] = given.args;
  const how = howWord.text.toLowerCase();
  if (how !== 'any' && how !== 'all' && how !== 'only') {
    options.error('Match type has to be one of "ALL", "ANY" or "ONLY"', howWord);
    return null;
  }
  const found: [number, { mask: number; flags: number } | null][] = [];
  for (const text of listWord.text.split(',')) {
    const [name, letters] = text.split(':');
    if (name.toUpperCase() === 'ALL') {
      for (let type = 0; type < 256; type++) found.push([type, null]);
      continue;
    }
    if (name.toUpperCase() === 'NONE') continue;
    const chunk = CHUNKS.find(([known]) => known === name.toUpperCase());
    const flags = letters === undefined ? null : chunk && parseFlags(letters, chunk[2]);
    if (!chunk || flags === undefined) {
      options.error(`Unknown sctp chunk type or flag: \`${text}'`, listWord);
      return null;
    }
    found.push([chunk[1], flags]);
  }
  return { how, negated: given.negated, types: new Map(found.sort(([a], [b]) => a - b)) };
}

/** A capital letter wants the bit set, a small one wants it clear. */
function parseFlags(letters: string, known: string): { mask: number; flags: number } | undefined {
  let mask = 0;
  let flags = 0;
  for (const letter of letters) {
    const at = known.indexOf(letter.toUpperCase());
    if (at < 0 || letter === '-') return undefined;
    mask |= 0x80 >> at;
    if (letter === letter.toUpperCase()) flags |= 0x80 >> at;
  }
  return { mask, flags };
}

function parse(options: OptionList): SctpMatch {
  const given = options.find('--chunk-types');
  if (options.protocol !== Protocol.sctp) options.error(KERNEL_REFUSES);
  return {
    source: portTest(options, 'sctp', '--sport'),
    destination: portTest(options, 'sctp', '--dport'),
    chunks: given ? parseChunks(options, given) : null,
  };
}

function chunkText({ how, types }: ChunkTest, numeric: boolean): string {
  if (types.size === 256) return `${how} ALL`;
  if (types.size === 0) return `${how} NONE`;
  const names = [...types].map(([type, wanted]) => {
    const chunk = CHUNKS.find(([, t]) => t === type)!;
    const name = numeric ? `0x${type.toString(16).padStart(4, '0').toUpperCase()}` : chunk[0];
    // libxt_sctp 1.8.9 prints no flags of the chunks that came later.
    if (!wanted || type > LAST_WITH_FLAGS) return name;
    let letters = '';
    for (let at = 0; at < 8; at++) {
      if (!(wanted.mask & (0x80 >> at))) continue;
      letters += wanted.flags & (0x80 >> at) ? chunk[2][at] : chunk[2][at].toLowerCase();
    }
    return `${name}:${letters}`;
  });
  return `${how} ${names.join(',')}`;
}

/** `match_packet()` (net/netfilter/xt_sctp.c): a chunk that is cut off drops the packet. */
function chunksMatch({ how, types }: ChunkTest, packet: Packet): Outcome {
  const missing = how === 'all' ? new Set(types.keys()) : null;
  let at = packet.transport + Sctp.headerLength;
  do {
    const there = reach(packet, at + HEADER_LENGTH);
    if (there !== Outcome.hit) return there;
    const length = u16(packet.data, at + 2);
    if (length === 0) return Outcome.hotdrop;
    const type = u8(packet.data, at);
    const flags = types.get(type);
    const hit = flags !== undefined && (!flags || (u8(packet.data, at + 1) & flags.mask) === flags.flags);
    if (how === 'any' && hit) return Outcome.hit;
    if (how === 'only' && !hit) return Outcome.miss;
    if (hit) missing?.delete(type);
    at += (length + 3) & ~3;
  } while (at < packet.length);
  return how === 'only' || missing?.size === 0 ? Outcome.hit : Outcome.miss;
}

/** `sctp_mt()` (net/netfilter/xt_sctp.c) */
function test({ source, destination, chunks }: SctpMatch, packet: Packet): Outcome {
  const there = transportHeader(packet, Sctp.headerLength);
  if (there !== Outcome.hit) return there;
  if (source && !portHits(source, packet.sourcePort)) return Outcome.miss;
  if (destination && !portHits(destination, packet.destinationPort)) return Outcome.miss;
  if (!chunks) return Outcome.hit;
  const found = chunksMatch(chunks, packet);
  if (found !== Outcome.hit && found !== Outcome.miss) return found;
  return (found === Outcome.hit) !== chunks.negated ? Outcome.hit : Outcome.miss;
}

function explain(data: SctpMatch, packet: Packet): Condition[] {
  const there = transportHeader(packet, Sctp.headerLength);
  if (there !== Outcome.hit) return [withoutHeader('SCTP', packet, there)];
  const { source, destination, chunks } = data;
  const out = portConditions(source, destination, packet);
  if (chunks) {
    const outcome = test({ source: null, destination: null, chunks }, packet);
    const first = u8(packet.data, packet.transport + Sctp.headerLength);
    const saw = `a packet that begins with chunk ${CHUNKS.find(([, t]) => t === first)?.[0] ?? first}`;
    const each = condition('chunk-types', 'transport', chunks.negated, chunkText(chunks, false), saw, true);
    out.push({ ...each, outcome });
  }
  return out;
}

export const sctp: MatchDefinition<SctpMatch, undefined> = {
  name: 'sctp',
  protocols: [Protocol.sctp],
  versions: [4, 6],
  options: [
    { name: '--sport', aliases: ['--source-port'], args: 1, negatable: true },
    { name: '--dport', aliases: ['--destination-port'], args: 1, negatable: true },
    { name: '--chunk-types', args: 2, negatable: true },
  ],
  parse,
  print: ({ source, destination, chunks }) =>
    [
      ...(source ? [`${bang(source.negated)}--sport ${printPort(source)}`] : []),
      ...(destination ? [`${bang(destination.negated)}--dport ${printPort(destination)}`] : []),
      ...(chunks ? [`${bang(chunks.negated)}--chunk-types ${chunkText(chunks, false)}`] : []),
    ].join(' '),
  list: ({ source, destination, chunks }, numeric) =>
    [
      'sctp',
      ...(source && asksForPort(source) ? [listPort('spt', source, Protocol.sctp, numeric)] : []),
      ...(destination && asksForPort(destination)
        ? [listPort('dpt', destination, Protocol.sctp, numeric)]
        : []),
      ...(chunks ? [`${bang(chunks.negated)}${chunkText(chunks, numeric)}`] : []),
    ].join(' '),
  reads: () => ['sourcePort', 'destinationPort', 'transport'],
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
