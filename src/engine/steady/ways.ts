import type { FlowPath } from './flowPath.js';

/** Ways of flows by number, from 1 on, and which of them have packets that their rules have not counted. */
export class Ways {
  private readonly ways: FlowPath[] = [];
  private readonly numbers = new Map<FlowPath, number>();
  private readonly uncounted: FlowPath[] = [];

  numberOf(way: FlowPath): number {
    let number = this.numbers.get(way);
    if (number === undefined) this.numbers.set(way, (number = this.ways.push(way)));
    return number;
  }

  of(number: number): FlowPath {
    return this.ways[number - 1];
  }

  /** A packet went it. @param length bytes of the packet */
  count(way: FlowPath, length: number): void {
    if (way.add(length)) this.uncounted.push(way);
  }

  /** Rules are about to be asked for their counters. */
  settle(): void {
    for (const way of this.uncounted) way.settle();
    this.uncounted.length = 0;
  }

  clear(): void {
    this.settle();
    this.ways.length = 0;
    this.numbers.clear();
  }
}
