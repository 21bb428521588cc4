import type { Packet } from '../packet/packet.js';
import type { Arrival } from './arrival.js';
import { Prefetch, TOGETHER } from './conntrack/prefetch.js';
import type { Tracker } from './conntrack/tracker.js';
import { Queue } from './queue.js';

/** How far ahead of the packet at hand frames are looked at, in frames and ns: an answer follows within microseconds. */
export const AHEAD = { frames: 64, time: 50e6 } as const;
/** With fewer connections there is nothing to be brought into the CPU's cache. */
const MANY = 8192;
/** ns within which packets are looked up together. */
const BURST = 1e6;

/** The frames between the one that is read and the packet at hand. */
export class LookAhead {
  private readonly ahead = new Queue<Arrival>();
  /** Read, and to be looked up together before they are looked at. */
  private readonly burst: Arrival[] = [];
  private readonly packets: Packet[] = [];
  private readonly prefetch: Prefetch;

  /**
   * @param seen is told of each frame that can be looked at
   * @param step is given each in its turn
   */
  constructor(
    private readonly tracker: Tracker,
    private readonly seen: (arrival: Arrival) => void,
    private readonly step: (arrival: Arrival) => void,
  ) {
    this.prefetch = new Prefetch(tracker.table);
  }

  push(arrival: Arrival): void {
    const { burst } = this;
    if (burst.length === 0 && this.tracker.table.size < MANY) return this.pass(arrival);
    burst.push(arrival);
    if (burst.length === TOGETHER || arrival.packet.time > burst[0].packet.time + BURST) this.passBurst();
  }

  /** Until a time, ns, no more frames come. */
  reach(time: number): void {
    this.passBurst();
    const { ahead } = this;
    while (ahead.length > 0 && ahead.first.packet.time + AHEAD.time < time) this.step(ahead.shift());
  }

  private passBurst(): void {
    const { burst, packets } = this;
    if (burst.length > 1) {
      // What leaves is mostly known by the packet that was sent.
      for (let i = 0; i < burst.length; i++) if (burst[i].direction === 'in') packets.push(burst[i].packet);
      this.prefetch.look(packets);
      packets.length = 0;
    }
    for (let i = 0; i < burst.length; i++) this.pass(burst[i]);
    burst.length = 0;
  }

  private pass(arrival: Arrival): void {
    const { ahead } = this;
    const { frame, time } = arrival.packet;
    while (ahead.length > 0) {
      const { packet } = ahead.first;
      if (packet.frame + AHEAD.frames >= frame && packet.time + AHEAD.time >= time) break;
      this.step(ahead.shift());
    }
    ahead.push(arrival);
    this.seen(arrival);
  }
}
