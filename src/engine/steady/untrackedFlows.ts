import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { Direction, Tuple } from '../../rules/connection.js';
import { TOGETHER } from '../conntrack/prefetch.js';
import { hashTuple, readTuple } from '../conntrack/tuple.js';
import type { ExpectedFrames } from '../evidence/expected.js';
import type { CommonWays } from './commonWays.js';
import type { FlowPath } from './flowPath.js';
import type { Program } from '../walk/program.js';
import type { Glimpse } from './glimpse.js';
import type { Ways } from './ways.js';

/*
 * Where nothing switches connection tracking on, a flow is what has the same addresses and ports, in one direction, and a way
 * that one of its packets has gone (flowPath.ts) is right for the others. Nobody has to remember them: the flows that were
 * seen last stand in a table of a fixed size, as in Open vSwitch's exact match cache, and what it has forgotten goes the
 * long way again.
 */

/** Where in a slot each word stands. Kind: the protocol, and from bit 8 on the number of the way; 0: the slot is free. */
const Word = { source: 0, destination: 1, ports: 2, kind: 3 } as const;
const WORDS = 4;
/** Slots that a flow may stand in: as many as a line of the CPU's cache has. */
const PLACES = 4;
const BUCKET_BITS = 17;
const WAY = 8;
const NOWHERE = -1;

/** The short way of packets that nothing tracks. */
export class UntrackedFlows {
  /** Made for the first flow. */
  private words = new Int32Array(0);
  private readonly tuple = new Tuple();
  /** Where the flows of packets may stand that come soon. */
  private readonly buckets = new Int32Array(TOGETHER);
  private count = 0;
  /** What was read there, so that reading it is not left out. */
  sum = 0;

  constructor(
    private readonly ways: Ways,
    private readonly common: CommonWays,
  ) {}

  /** The packet has gone this way, which is right for its flow. */
  went({ data, version, protocol, transport, length, in: device }: Packet, way: FlowPath): void {
    const { tuple } = this;
    if (version !== 4 || !PROTOCOLS.has(protocol) || !way.countsPlainly) return;
    if (!readTuple(tuple, data, version, protocol, 0, transport, length)) return;
    if (device && this.common.knows(way, device, tuple.s0, tuple.d0)) return;
    if (this.words.length === 0) this.words = new Int32Array(2 ** BUCKET_BITS * PLACES * WORDS);
    const { words } = this;
    const bucket = bucketOf(hashTuple(tuple));
    const known = this.placeOf(tuple, bucket);
    const last = known === NOWHERE ? bucket + (PLACES - 1) * WORDS : known;
    // The one that was kept last comes first, and where there is no room the first one that was kept goes.
    words.copyWithin(bucket + WORDS, bucket, last);
    words[bucket + Word.source] = tuple.s0;
    words[bucket + Word.destination] = tuple.d0;
    words[bucket + Word.ports] = portsOf(tuple);
    words[bucket + Word.kind] = (this.ways.numberOf(way) << WAY) | protocol;
  }

  /** A packet of this hash comes soon: where its flow may stand is brought into the CPU's cache, of several side by side. */
  anticipate(hash: number): void {
    const { words, buckets } = this;
    if (words.length === 0) return;
    buckets[this.count++] = bucketOf(hash);
    if (this.count < TOGETHER) return;
    this.count = 0;
    let { sum } = this;
    for (let i = 0; i < TOGETHER; i++) sum ^= words[buckets[i]];
    this.sum = sum;
  }

  /**
   * Runs a packet that the short way is right for.
   * @returns the way that it went; null: it is to go the long way, and nothing was changed
   */
  take(packet: Glimpse, program: Program, expected: ExpectedFrames): FlowPath | null {
    const { tuple } = packet;
    const common = this.common.of(packet, program, tuple.d0, Direction.original, 0);
    const way = common ?? this.ownWayOf(packet, program);
    if (way === null) return null;
    this.ways.count(way, packet.length);
    expected.addTranslated(packet, tuple.s0, tuple.d0, portsOf(tuple));
    return way;
  }

  private ownWayOf(packet: Glimpse, program: Program): FlowPath | null {
    const { words } = this;
    if (words.length === 0) return null;
    const place = this.placeOf(packet.tuple, bucketOf(packet.hash));
    if (place === NOWHERE) return null;
    const way = this.ways.of(words[place + Word.kind] >>> WAY);
    return way.takes(packet, program) ? way : null;
  }

  private placeOf(tuple: Tuple, bucket: number): number {
    const { words } = this;
    const ports = portsOf(tuple);
    for (let at = bucket; at < bucket + PLACES * WORDS; at += WORDS) {
      const kind = words[at + Word.kind];
      if (kind === 0) return NOWHERE;
      if (
        words[at + Word.source] === tuple.s0 &&
        words[at + Word.destination] === tuple.d0 &&
        words[at + Word.ports] === ports &&
        (kind & 0xff) === tuple.protocol
      )
        return at;
    }
    return NOWHERE;
  }

  /** No way is kept any more. */
  clear(): void {
    this.words = new Int32Array(0);
  }
}

/** Those of which a short way is known (plainFrames.ts). */
const PROTOCOLS: ReadonlySet<number> = new Set<number>([Protocol.tcp, Protocol.udp, Protocol.icmp]);

/** Of ICMP its id, type and code. */
function portsOf(tuple: Tuple): number {
  return (tuple.sourcePort << 16) | tuple.destinationPort;
}

function bucketOf(hash: number): number {
  return (Math.imul(hash, 0x9e3779b1) >>> (32 - BUCKET_BITS)) * PLACES * WORDS;
}
