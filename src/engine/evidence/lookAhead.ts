import type { Arrival } from './arrival.js';
import { Prefetch, TOGETHER } from '../conntrack/prefetch.js';
import type { Tracker } from '../conntrack/tracker.js';
import { hashTuple, readTuple } from '../conntrack/tuple.js';
import { Glimpse } from '../steady/glimpse.js';
import { Tuple } from '../../rules/connection.js';

/** How far ahead of the packet at hand frames are looked at, in frames and ns: an answer follows within microseconds. */
export const AHEAD = { frames: 64, time: 50e6 } as const;
/** With fewer connections there is nothing to be brought into the CPU's cache. */
const MANY = 8192;
/** ns within which packets are looked up together. */
const BURST = 1e6;
/** Frames at the start of a capture that wait for one of the other direction, at most. */
const HELD = 4096;
/** Glimpses to begin with, a power of two: as many as are ahead, and as are looked up together. */
const GLIMPSES = 128;

/** The frames between the one that is read and the packet at hand: a ring of glimpses. */
export class LookAhead {
  private ring: Glimpse[] = glimpses(GLIMPSES);
  /** Counted on and on: the packet at hand, the first that was not looked at yet, and the one to be read. */
  private first = 0;
  private unseen = 0;
  private end = 0;
  private held = true;
  private readonly prefetch: Prefetch;
  private readonly tuple = new Tuple();

  /**
   * @param seen is told of each frame that can be looked at
   * @param step is given each in its turn, good until it returns
   * @param waits whether frames that come may tell how to take those that have come, from the first on
   */
  constructor(
    private readonly tracker: Tracker,
    private readonly seen: (glimpse: Glimpse) => void,
    private readonly step: (glimpse: Glimpse) => void,
    private readonly waits: () => boolean = () => false,
  ) {
    this.prefetch = new Prefetch(tracker.table);
  }

  /** None was looked at yet: what comes may tell how to take the first. */
  get isHeld(): boolean {
    return this.held;
  }

  /** To be filled with the next frame. */
  get next(): Glimpse {
    if (this.end - this.first === this.ring.length) this.grow();
    return this.at(this.end);
  }

  /** `next` has been filled with what may be a steady flow's. */
  push(): void {
    this.end++;
    if (this.held) {
      if (this.end < HELD && this.waits()) return;
      this.held = false;
      return this.passAll();
    }
    const { unseen, end } = this;
    const last = this.at(end - 1);
    if (end - unseen === 1 && this.tracker.table.size < MANY) return this.passAll();
    if (end - unseen === TOGETHER || last.time > this.at(unseen).time + BURST) this.passBurst();
  }

  pushArrival(arrival: Arrival): void {
    const { next } = this;
    next.arrival = arrival;
    next.isOut = arrival.direction === 'out';
    next.number = arrival.packet.frame;
    next.time = arrival.packet.time;
    this.push();
  }

  /** Until a time, ns, no more frames come. */
  reach(time: number): void {
    if (this.held) {
      if (time === -Infinity) return;
      this.held = false;
      this.passAll();
    }
    this.passBurst();
    while (this.first < this.unseen && this.at(this.first).time + AHEAD.time < time) this.stepFirst();
  }

  private at(count: number): Glimpse {
    return this.ring[count & (this.ring.length - 1)];
  }

  private passBurst(): void {
    const { unseen, end, prefetch } = this;
    if (end - unseen > 1) {
      for (let i = unseen; i < end; i++) this.prefetchOf(this.at(i));
      prefetch.look();
    }
    this.passAll();
  }

  private prefetchOf({ arrival, isOut, hash }: Glimpse): void {
    const { prefetch, tuple } = this;
    // What leaves is mostly known by the packet that was sent.
    if (isOut) return;
    if (arrival === null) return prefetch.add(hash);
    const { data, version, protocol, transport, length } = arrival.packet;
    if (readTuple(tuple, data, version, protocol, 0, transport, length)) prefetch.add(hashTuple(tuple));
  }

  private passAll(): void {
    while (this.unseen < this.end) this.pass(this.at(this.unseen));
  }

  private pass(glimpse: Glimpse): void {
    const { number, time } = glimpse;
    while (this.first < this.unseen) {
      const first = this.at(this.first);
      if (first.number + AHEAD.frames >= number && first.time + AHEAD.time >= time) break;
      this.stepFirst();
    }
    this.unseen++;
    this.seen(glimpse);
  }

  private stepFirst(): void {
    const glimpse = this.at(this.first);
    this.step(glimpse);
    glimpse.arrival = null;
    this.first++;
  }

  private grow(): void {
    const { ring, first, end } = this;
    const all = Array.from({ length: end - first }, (_, i) => this.at(first + i));
    this.ring = [...all, ...glimpses(ring.length)];
    this.unseen -= first;
    this.end -= first;
    this.first = 0;
  }
}

function glimpses(count: number): Glimpse[] {
  return Array.from({ length: count }, () => new Glimpse());
}
