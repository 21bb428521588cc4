import type { IpVersion } from '../../address/ip.js';
import type { Direction, Tuple } from '../../rules/connection.js';
import type { ConnectionEntry } from './entry.js';
import type { Segment, TcpSide, TcpState } from './tcpState.js';

/**
 * Where in a row each word stands. What every packet of a connection needs comes first, and fills two lines of the CPU's
 * cache; a row is three of them.
 */
const Word = {
  ends: 0,
  steady: 8,
  expires: 10,
  tcpSides: 12,
  tcp: 22,
  born: 28,
  older: 30,
  newer: 31,
  more: 32,
} as const;
const WORDS = 48;
/** The same as numbers of 64 bits. */
const TIMES = WORDS / 2;
const Time = { expires: Word.expires / 2, born: Word.born / 2 } as const;
/** Words of a tuple: its own, and what more the addresses of IPv6 have; words of one side of a TCP connection. */
const ENDS = 4;
const MORE = 6;
const SIDE = 5;
/** Places in a tuple. */
const Place = { source: 0, destination: 1, ports: 2, kind: 3 } as const;
/** Places in what is known of a TCP connection beside its two sides. */
const TcpPlace = { state: 0, sequence: 1, ack: 2, end: 3, window: 4, flags: 5 } as const;
/** The row has the state of a TCP connection. */
const HAS_TCP = 1 << 16;

/** No row. */
export const NOWHERE = -1;

/**
 * What the table keeps of connections as words in rows: a million objects with two tuples and a TCP state each are most
 * of what memory a replay takes, and what a collector of garbage walks over. A row is used again once its connection
 * has ended.
 */
export class ConnectionRows {
  private words = new Int32Array(0);
  private times = new Float64Array(this.words.buffer);
  private readonly owners: (ConnectionEntry | null)[] = [];
  /** The first row that is free again; `newer` has the next one. */
  private free = NOWHERE;

  take(entry: ConnectionEntry): number {
    let row = this.free;
    if (row === NOWHERE) {
      row = this.owners.length;
      this.owners.push(entry);
      if (row * WORDS >= this.words.length) this.grow();
    } else {
      this.free = this.newer(row);
      this.owners[row] = entry;
    }
    const at = row * WORDS;
    this.words[at + Word.tcp] = this.words[at + Word.steady] = this.words[at + Word.steady + 1] = 0;
    return row;
  }

  release(row: number): void {
    this.owners[row] = null;
    this.setNewer(row, this.free);
    this.free = row;
  }

  private grow(): void {
    const rows = Math.max(1024, (2 * this.words.length) / WORDS);
    const words = new Int32Array(rows * WORDS);
    words.set(this.words);
    this.words = words;
    this.times = new Float64Array(words.buffer);
  }

  owner(row: number): ConnectionEntry {
    return this.owners[row] as ConnectionEntry;
  }

  older(row: number): number {
    return this.words[row * WORDS + Word.older];
  }

  newer(row: number): number {
    return this.words[row * WORDS + Word.newer];
  }

  setOlder(row: number, older: number): void {
    this.words[row * WORDS + Word.older] = older;
  }

  setNewer(row: number, newer: number): void {
    this.words[row * WORDS + Word.newer] = newer;
  }

  /** Reads a word of each cache line of the row, which brings them into the cache; what it returns means nothing. */
  touch(row: number): number {
    const { words } = this;
    const at = row * WORDS;
    return words[at] ^ words[at + 12] ^ words[at + Word.born];
  }

  /** ns since capture start. */
  expires(row: number): number {
    return this.times[row * TIMES + Time.expires];
  }

  setExpires(row: number, time: number): void {
    this.times[row * TIMES + Time.expires] = time;
  }

  /** ns since capture start. */
  born(row: number): number {
    return this.times[row * TIMES + Time.born];
  }

  setBorn(row: number, time: number): void {
    this.times[row * TIMES + Time.born] = time;
  }

  setTuple(row: number, direction: Direction, t: Tuple): void {
    const { words } = this;
    const at = row * WORDS + Word.ends + ENDS * direction;
    words[at + Place.source] = t.s0;
    words[at + Place.destination] = t.d0;
    words[at + Place.ports] = portsOf(t);
    words[at + Place.kind] = kindOf(t);
    if (t.version === 4) return;
    const more = row * WORDS + Word.more + MORE * direction;
    words[more] = t.s1;
    words[more + 1] = t.s2;
    words[more + 2] = t.s3;
    words[more + 3] = t.d1;
    words[more + 4] = t.d2;
    words[more + 5] = t.d3;
  }

  readTuple(row: number, direction: Direction, out: Tuple): void {
    const { words } = this;
    const at = row * WORDS + Word.ends + ENDS * direction;
    out.s0 = words[at + Place.source];
    out.d0 = words[at + Place.destination];
    out.sourcePort = words[at + Place.ports] >>> 16;
    out.destinationPort = words[at + Place.ports] & 0xffff;
    out.version = (words[at + Place.kind] >> 8) as IpVersion;
    out.protocol = words[at + Place.kind] & 0xff;
    if (out.version === 4) {
      out.s1 = out.s2 = out.s3 = out.d1 = out.d2 = out.d3 = 0;
      return;
    }
    const more = row * WORDS + Word.more + MORE * direction;
    out.s1 = words[more];
    out.s2 = words[more + 1];
    out.s3 = words[more + 2];
    out.d1 = words[more + 3];
    out.d2 = words[more + 4];
    out.d3 = words[more + 5];
  }

  hasTuple(row: number, direction: Direction, t: Tuple): boolean {
    const { words } = this;
    const at = row * WORDS + Word.ends + ENDS * direction;
    return (
      words[at + Place.source] === t.s0 &&
      words[at + Place.destination] === t.d0 &&
      words[at + Place.ports] === portsOf(t) &&
      words[at + Place.kind] === kindOf(t) &&
      (t.version === 4 || this.hasMore(row, direction, t))
    );
  }

  private hasMore(row: number, direction: Direction, t: Tuple): boolean {
    const { words } = this;
    const more = row * WORDS + Word.more + MORE * direction;
    return (
      words[more] === t.s1 &&
      words[more + 1] === t.s2 &&
      words[more + 2] === t.s3 &&
      words[more + 3] === t.d1 &&
      words[more + 4] === t.d2 &&
      words[more + 5] === t.d3
    );
  }

  /**
   * What the engine keeps of the way that a direction's packets go; 0: nothing. It is set when a packet has gone that way,
   * and forgotten when another one meets the entry: so nothing has changed of the entry since (steady/steadyFlows.ts).
   */
  steady(row: number, direction: Direction): number {
    return this.words[row * WORDS + Word.steady + direction];
  }

  setSteady(row: number, direction: Direction, value: number): void {
    this.words[row * WORDS + Word.steady + direction] = value;
  }

  /** Something is kept for both directions. */
  isSteady(row: number): boolean {
    const at = row * WORDS + Word.steady;
    return this.words[at] !== 0 && this.words[at + 1] !== 0;
  }

  forgetSteady(row: number): void {
    const at = row * WORDS + Word.steady;
    this.words[at] = this.words[at + 1] = 0;
  }

  forgetAllSteady(): void {
    for (let row = 0; row < this.owners.length; row++) this.forgetSteady(row);
  }

  /** The words of a tuple of IPv4. */
  source(row: number, direction: Direction): number {
    return this.words[row * WORDS + Word.ends + ENDS * direction + Place.source];
  }

  destination(row: number, direction: Direction): number {
    return this.words[row * WORDS + Word.ends + ENDS * direction + Place.destination];
  }

  /** The source's in the upper half. */
  ports(row: number, direction: Direction): number {
    return this.words[row * WORDS + Word.ends + ENDS * direction + Place.ports];
  }

  hasTcp(row: number): boolean {
    return (this.words[row * WORDS + Word.tcp] & HAS_TCP) !== 0;
  }

  readTcp(row: number, out: TcpState): void {
    const { words } = this;
    const sides = row * WORDS + Word.tcpSides;
    this.readSide(sides, out.original);
    this.readSide(sides + SIDE, out.reply);
    const at = row * WORDS + Word.tcp;
    const packed = words[at];
    out.state = packed & 0xf;
    out.lastDirection = (packed >> 4) & 1;
    out.lastSegment = ((packed >> 5) & 7) as Segment;
    out.lastScale = (packed >> 8) & 0xff;
    out.lastSequence = words[at + TcpPlace.sequence];
    out.lastAck = words[at + TcpPlace.ack];
    out.lastEnd = words[at + TcpPlace.end];
    out.lastWindow = words[at + TcpPlace.window];
    out.lastFlags = words[at + TcpPlace.flags] & 0xff;
    out.retransmissions = words[at + TcpPlace.flags] >>> 8;
  }

  setTcp(row: number, tcp: TcpState): void {
    const { words } = this;
    const sides = row * WORDS + Word.tcpSides;
    this.setSide(sides, tcp.original);
    this.setSide(sides + SIDE, tcp.reply);
    const at = row * WORDS + Word.tcp;
    words[at] =
      HAS_TCP | tcp.state | (tcp.lastDirection << 4) | (tcp.lastSegment << 5) | (tcp.lastScale << 8);
    words[at + TcpPlace.sequence] = tcp.lastSequence;
    words[at + TcpPlace.ack] = tcp.lastAck;
    words[at + TcpPlace.end] = tcp.lastEnd;
    words[at + TcpPlace.window] = tcp.lastWindow;
    words[at + TcpPlace.flags] = tcp.lastFlags | (tcp.retransmissions << 8);
  }

  private readSide(at: number, side: TcpSide): void {
    const { words } = this;
    side.end = words[at];
    side.maxEnd = words[at + 1];
    side.maxWindow = words[at + 2] >>> 0;
    side.maxAck = words[at + 3];
    side.scale = words[at + 4] & 0xff;
    side.flags = words[at + 4] >>> 8;
  }

  private setSide(at: number, side: TcpSide): void {
    const { words } = this;
    words[at] = side.end;
    words[at + 1] = side.maxEnd;
    words[at + 2] = side.maxWindow;
    words[at + 3] = side.maxAck;
    words[at + 4] = side.scale | (side.flags << 8);
  }
}

function portsOf(t: Tuple): number {
  return (t.sourcePort << 16) | t.destinationPort;
}

function kindOf(t: Tuple): number {
  return (t.version << 8) | t.protocol;
}
