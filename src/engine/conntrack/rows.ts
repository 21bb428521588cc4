import type { IpVersion } from '../../address/ip.js';
import type { Direction, Tuple } from '../../rules/connection.js';
import type { ConnectionEntry } from './entry.js';
import type { Segment, TcpSide, TcpState } from './tcpState.js';

/** Where in a row each word stands; a tuple's own places follow. */
const Word = { tuples: 0, older: 20, newer: 21, tcpSides: 22, tcp: 32 } as const;
const WORDS = 38;
/** Words of a tuple, and of one side of a TCP connection. */
const TUPLE = 10;
const SIDE = 5;
/** Places in a tuple. */
const Place = { source: 0, destination: 4, ports: 8, kind: 9 } as const;
/** Places in what is known of a TCP connection beside its two sides. */
const TcpPlace = { state: 0, sequence: 1, ack: 2, end: 3, window: 4, flags: 5 } as const;
/** The row has the state of a TCP connection. */
const HAS_TCP = 1 << 16;
const TIMES = 2;

/** No row. */
export const NOWHERE = -1;

/**
 * What the table keeps of connections as words in rows: a million objects with two tuples and a TCP state each are most
 * of what memory a replay takes, and what a collector of garbage walks over. A row is used again once its connection
 * has ended.
 */
export class ConnectionRows {
  private words = new Int32Array(0);
  private times = new Float64Array(0);
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
    this.words[row * WORDS + Word.tcp] = 0;
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
    const times = new Float64Array(rows * TIMES);
    times.set(this.times);
    this.times = times;
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
    return (
      words[at] ^
      words[at + 16] ^
      words[at + 32] ^
      words[at + WORDS - 1] ^
      (this.times[row * TIMES] === 0 ? 1 : 0)
    );
  }

  /** ns since capture start. */
  expires(row: number): number {
    return this.times[row * TIMES];
  }

  setExpires(row: number, time: number): void {
    this.times[row * TIMES] = time;
  }

  /** ns since capture start. */
  born(row: number): number {
    return this.times[row * TIMES + 1];
  }

  setBorn(row: number, time: number): void {
    this.times[row * TIMES + 1] = time;
  }

  setTuple(row: number, direction: Direction, t: Tuple): void {
    const { words } = this;
    const at = row * WORDS + Word.tuples + TUPLE * direction;
    words[at] = t.s0;
    words[at + 1] = t.s1;
    words[at + 2] = t.s2;
    words[at + 3] = t.s3;
    words[at + 4] = t.d0;
    words[at + 5] = t.d1;
    words[at + 6] = t.d2;
    words[at + 7] = t.d3;
    words[at + Place.ports] = portsOf(t);
    words[at + Place.kind] = kindOf(t);
  }

  readTuple(row: number, direction: Direction, out: Tuple): void {
    const { words } = this;
    const at = row * WORDS + Word.tuples + TUPLE * direction;
    out.s0 = words[at];
    out.s1 = words[at + 1];
    out.s2 = words[at + 2];
    out.s3 = words[at + 3];
    out.d0 = words[at + 4];
    out.d1 = words[at + 5];
    out.d2 = words[at + 6];
    out.d3 = words[at + 7];
    out.sourcePort = words[at + Place.ports] >>> 16;
    out.destinationPort = words[at + Place.ports] & 0xffff;
    out.version = (words[at + Place.kind] >> 8) as IpVersion;
    out.protocol = words[at + Place.kind] & 0xff;
  }

  hasTuple(row: number, direction: Direction, t: Tuple): boolean {
    const { words } = this;
    const at = row * WORDS + Word.tuples + TUPLE * direction;
    return (
      words[at] === t.s0 &&
      words[at + 4] === t.d0 &&
      words[at + Place.ports] === portsOf(t) &&
      words[at + Place.kind] === kindOf(t) &&
      words[at + 1] === t.s1 &&
      words[at + 2] === t.s2 &&
      words[at + 3] === t.s3 &&
      words[at + 5] === t.d1 &&
      words[at + 6] === t.d2 &&
      words[at + 7] === t.d3
    );
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
