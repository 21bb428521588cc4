/**
 * A hash table whose keys are a fixed number of 32-bit words: addresses, prefixes, ports. It looks a key up
 * without making anything, and gives the keys back in no order.
 */
export class WordMap<V> {
  private keys: Int32Array;
  private values: (V | undefined)[];
  private capacity = 16;
  private count = 0;

  /** @param width words a key */
  constructor(private readonly width: number) {
    this.keys = new Int32Array(this.capacity * width);
    this.values = new Array<V | undefined>(this.capacity).fill(undefined);
  }

  get size(): number {
    return this.count;
  }

  /** @param key its first `width` words are used */
  get(key: ArrayLike<number>): V | undefined {
    return this.values[this.slot(key)];
  }

  set(key: ArrayLike<number>, value: V): void {
    const at = this.slot(key);
    if (this.values[at] === undefined) {
      for (let i = 0; i < this.width; i++) this.keys[at * this.width + i] = key[i];
      this.count++;
    }
    this.values[at] = value;
    if (this.count * 2 > this.capacity) this.grow();
  }

  delete(key: ArrayLike<number>): boolean {
    let hole = this.slot(key);
    if (this.values[hole] === undefined) return false;
    this.count--;
    this.values[hole] = undefined;
    // Moves back whoever stands behind the hole and would no longer be found over it.
    const last = this.capacity - 1;
    for (let at = (hole + 1) & last; this.values[at] !== undefined; at = (at + 1) & last) {
      const home = this.home(this.keys, at * this.width);
      if (((at - home) & last) < ((at - hole) & last)) continue;
      this.keys.copyWithin(hole * this.width, at * this.width, (at + 1) * this.width);
      this.values[hole] = this.values[at];
      this.values[at] = undefined;
      hole = at;
    }
    return true;
  }

  clear(): void {
    this.values.fill(undefined);
    this.count = 0;
  }

  *entries(): IterableIterator<readonly [key: Int32Array, value: V]> {
    for (let at = 0; at < this.capacity; at++) {
      const value = this.values[at];
      if (value !== undefined) yield [this.keys.slice(at * this.width, (at + 1) * this.width), value];
    }
  }

  *all(): IterableIterator<V> {
    for (const value of this.values) if (value !== undefined) yield value;
  }

  /** Where the key stands, or where it would be put. */
  private slot(key: ArrayLike<number>): number {
    const { width, keys, values } = this;
    const last = this.capacity - 1;
    for (let at = this.home(key, 0); ; at = (at + 1) & last) {
      if (values[at] === undefined) return at;
      let i = 0;
      while (i < width && keys[at * width + i] === (key[i] | 0)) i++;
      if (i === width) return at;
    }
  }

  private home(words: ArrayLike<number>, from: number): number {
    let hash = 0x9e3779b9 | 0;
    for (let i = 0; i < this.width; i++) {
      hash = Math.imul(hash ^ words[from + i], 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) & (this.capacity - 1);
  }

  private grow(): void {
    const { keys, values, capacity, width } = this;
    this.capacity *= 2;
    this.keys = new Int32Array(this.capacity * width);
    this.values = new Array<V | undefined>(this.capacity).fill(undefined);
    const last = this.capacity - 1;
    for (let old = 0; old < capacity; old++) {
      if (values[old] === undefined) continue;
      // No two keys are alike: the first free slot is the right one.
      let at = this.home(keys, old * width);
      while (this.values[at] !== undefined) at = (at + 1) & last;
      for (let i = 0; i < width; i++) this.keys[at * width + i] = keys[old * width + i];
      this.values[at] = values[old];
    }
  }
}
