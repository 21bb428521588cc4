import type { ObservedItem } from './lines.js';

/** ns; two files that hold the same line agree on its time within this and their resolutions. */
const SAME_TIME = 5e6;

/**
 * Lines of several stretches in one order of time, those that several files hold once. Within a stretch the order
 * stays: it is the kernel's. One stretch passes through; several are held in memory.
 */
export function mergeStretches(
  items: Iterable<ObservedItem>,
  several: boolean,
): { items: Iterable<ObservedItem>; duplicates(): number } {
  if (!several) return { items, duplicates: () => 0 };
  let dropped = 0;
  function* merged(): Generator<ObservedItem> {
    const all = [...items];
    /** Never before what its file had already reached, so that sorting keeps each file's own order. */
    const reached = new Map<string, number>();
    const keyed = all.map((item) => {
      const key = Math.max(item.time, reached.get(item.line.file) ?? -Infinity);
      reached.set(item.line.file, key);
      return { item, key };
    });
    keyed.sort((a, b) => a.key - b.key || a.item.order - b.item.order);
    const seen = new Map<string, Holding[]>();
    let order = 0;
    for (const { item } of keyed) {
      if (isHeld(item, seen)) dropped++;
      else yield { ...item, order: order++ };
    }
  }
  return { items: merged(), duplicates: () => dropped };
}

/** A line that came, and the files that were found to hold it. */
interface Holding {
  readonly item: ObservedItem;
  readonly files: Set<string>;
}

function isHeld(item: ObservedItem, seen: Map<string, Holding[]>): boolean {
  const { file, time } = item.line;
  const near = (other: ObservedItem): boolean =>
    Math.abs(other.time - item.time) <=
    SAME_TIME + Math.max(time?.resolution ?? 0, other.line.time?.resolution ?? 0);
  const known = (seen.get(item.text) ?? []).filter((h) => h.item.time >= item.time - 4e9 && near(h.item));
  const elsewhere = known.find((h) => !h.files.has(file));
  if (elsewhere) elsewhere.files.add(file);
  else known.push({ item, files: new Set([file]) });
  seen.set(item.text, known);
  return elsewhere !== undefined;
}
