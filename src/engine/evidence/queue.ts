/** First in, first out, in a ring that grows: what `shift` of an array copies for each element, this does not. */
export class Queue<T> {
  private ring: (T | undefined)[];
  private head = 0;
  length = 0;

  /** @param capacity to begin with, a power of two */
  constructor(capacity = 64) {
    this.ring = new Array<T | undefined>(capacity).fill(undefined);
  }

  push(value: T): void {
    if (this.length === this.ring.length) this.grow();
    this.ring[(this.head + this.length++) & (this.ring.length - 1)] = value;
  }

  /** The one that came first, of a queue that is not empty. */
  get first(): T {
    return this.ring[this.head] as T;
  }

  /** Takes out the one that came first, of a queue that is not empty. */
  shift(): T {
    const value = this.ring[this.head] as T;
    this.ring[this.head] = undefined;
    this.head = (this.head + 1) & (this.ring.length - 1);
    this.length--;
    return value;
  }

  /** @param index below `length` */
  at(index: number): T {
    return this.ring[(this.head + index) & (this.ring.length - 1)] as T;
  }

  private grow(): void {
    const all = Array.from({ length: this.length }, (_, i) => this.at(i));
    this.ring = [...all, ...new Array<undefined>(this.length).fill(undefined)];
    this.head = 0;
  }
}
