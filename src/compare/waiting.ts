import { areEqual, hashAt, type Chunk, KeptItem, type KeptText, type Place } from '../source/keptText.js';

/** A line of either side. */
interface Line<Self> {
  readonly time: number;
  readonly order: number;
  readonly kept: KeptText;
  /** Whether `elsewhere` can be asked for the other one. */
  isNextTo(other: Self): boolean;
  elsewhere(place: Place, order: number, time: number): Self;
}

/** Lines that there is room for at first. */
const FIRST = 4096;
/** Of a line that is not kept anywhere else. */
const NOWHERE = -1;

/**
 * Lines of one side that wait, in order. Nearly all of a million lines are found to be alike, without anybody looking at
 * them: of those that are kept elsewhere only the places are noted, so that the garbage collector has nothing to carry about.
 */
export class Waiting<Item extends Line<Item>> {
  length = 0;
  private times = new Float64Array(FIRST);
  private orders = new Float64Array(FIRST);
  private froms = new Int32Array(FIRST);
  private ats = new Int32Array(FIRST);
  private readonly chunks: Chunk[] = [];
  /** The line itself, or one that tells of those that are kept where it is. */
  private readonly told: Item[] = [];

  push(item: Item): void {
    const at = this.length++;
    if (at === this.times.length) this.grow();
    const { kept } = item;
    const before = at > 0 ? this.told[at - 1] : undefined;
    this.times[at] = item.time;
    this.orders[at] = item.order;
    this.chunks[at] = kept.chunk;
    this.ats[at] = kept.at;
    const isPlace = kept instanceof KeptItem;
    this.froms[at] = isPlace ? kept.from : NOWHERE;
    this.told[at] = isPlace && before?.isNextTo(item) ? before : item;
  }

  timeAt(i: number): number {
    return this.times[i];
  }

  hashAt(i: number): number {
    return hashAt(this.chunks[i], this.ats[i]);
  }

  /** A line that says of this one what all say that are kept with it. */
  alikeAt(i: number): Item {
    return this.told[i];
  }

  hasText<Other extends Line<Other>>(i: number, others: Waiting<Other>, j: number): boolean {
    return areEqual(this.chunks[i], this.ats[i], others.chunks[j], others.ats[j]);
  }

  item(i: number): Item {
    const from = this.froms[i];
    if (from === NOWHERE) return this.told[i];
    const place = { chunk: this.chunks[i], from, at: this.ats[i] };
    return this.told[i].elsewhere(place, this.orders[i], this.times[i]);
  }

  /** Lets go of the lines of which `goes` has a mark. @param goes of the first lines; the others stay */
  drop(goes: Uint8Array): void {
    let to = 0;
    for (let i = 0; i < goes.length; i++) if (goes[i] === 0) this.move(i, to++);
    this.close(goes.length, to);
  }

  dropFirst(count: number): void {
    if (count > 0) this.close(count, 0);
  }

  private move(from: number, to: number): void {
    this.times[to] = this.times[from];
    this.orders[to] = this.orders[from];
    this.froms[to] = this.froms[from];
    this.ats[to] = this.ats[from];
    this.chunks[to] = this.chunks[from];
    this.told[to] = this.told[from];
  }

  /** Moves what is from `from` on to `to`. */
  private close(from: number, to: number): void {
    const { length } = this;
    for (const column of [this.times, this.orders, this.froms, this.ats]) column.copyWithin(to, from, length);
    this.length = to + length - from;
    this.chunks.copyWithin(to, from, length);
    this.told.copyWithin(to, from, length);
    this.chunks.length = this.told.length = this.length;
  }

  private grow(): void {
    const size = 2 * this.times.length;
    const larger = <Column extends Float64Array | Int32Array>(column: Column, made: Column): Column => {
      made.set(column);
      return made;
    };
    this.times = larger(this.times, new Float64Array(size));
    this.orders = larger(this.orders, new Float64Array(size));
    this.froms = larger(this.froms, new Int32Array(size));
    this.ats = larger(this.ats, new Int32Array(size));
  }
}
