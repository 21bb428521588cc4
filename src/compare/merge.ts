import type { ObservedItem } from './lines.js';

/** ns; two files that hold the same line agree on its time within this and their resolutions. */
const SAME_TIME = 5e6;
/** ns after which a line cannot come again in another file: the most that resolutions and SAME_TIME add up to. */
const REMEMBERED = 4e9;
/** Lines that came are looked through for those that cannot come again whenever so many more have come. */
const SWEEP = 65_536;

/** A file's next line, and where its file has come to. */
interface Head {
  readonly items: Iterator<ObservedItem>;
  item: ObservedItem;
  /** Never before what its file had already reached, so that each file's own order stays: it is the kernel's. */
  key: number;
}

/**
 * The lines of several files in one order of time, those that several hold once. One file passes through; of several,
 * what is needed to know a line again is held, some seconds of it.
 */
export function mergeFiles(files: readonly Iterable<ObservedItem>[]): {
  items: Iterable<ObservedItem>;
  duplicates(): number;
} {
  if (files.length === 1) return { items: files[0], duplicates: () => 0 };
  let dropped = 0;
  function* merged(): Generator<ObservedItem> {
    dropped = 0;
    const heads: Head[] = [];
    for (const file of files) {
      const items = file[Symbol.iterator]();
      const { done, value } = items.next() as IteratorResult<ObservedItem, undefined>;
      if (!done) heads.push({ items, item: value, key: value.time });
    }
    const came = createMemory();
    let order = 0;
    while (heads.length > 0) {
      const head = earliest(heads);
      const { item, items } = head;
      if (came.hasElsewhere(item)) dropped++;
      else {
        item.order = order++;
        yield item;
      }
      const { done, value } = items.next() as IteratorResult<ObservedItem, undefined>;
      if (done) heads.splice(heads.indexOf(head), 1);
      else {
        head.item = value;
        head.key = Math.max(value.time, head.key);
      }
    }
  }
  return { items: { [Symbol.iterator]: merged }, duplicates: () => dropped };
}

/** Of those with the same time, the one of the first file. */
function earliest(heads: readonly Head[]): Head {
  let [first] = heads;
  for (const head of heads) if (head.key < first.key) first = head;
  return first;
}

/** A line that came, and the other files that were found to hold it. */
interface Holding {
  readonly time: number;
  readonly resolution: number;
  elsewhere: string[] | null;
}

/** The lines of one text that a file was the first to have, in their order. */
interface Holdings {
  readonly file: string;
  list: Holding[];
  /** For another file: how many at the head of the list it has as well, or can no more have. */
  readonly done: Map<string, number>;
}

function createMemory(): { hasElsewhere(item: ObservedItem): boolean } {
  const texts = new Map<string, Holdings[]>();
  let untilSweep = SWEEP;
  let latest = -Infinity;

  const find = ({ file, list, done }: Holdings, { time, line }: ObservedItem): Holding | null => {
    if (file === line.file) return null;
    const resolution = line.time?.resolution ?? 0;
    const reach = (h: Holding): number => SAME_TIME + Math.max(resolution, h.resolution);
    let at = done.get(line.file) ?? 0;
    while (
      at < list.length &&
      (list[at].elsewhere?.includes(line.file) === true || time - list[at].time > reach(list[at]))
    )
      at++;
    done.set(line.file, at);
    return at < list.length && list[at].time - time <= reach(list[at]) ? list[at] : null;
  };
  const sweep = (): void => {
    for (const [text, all] of texts) {
      for (const holdings of all) {
        const old = holdings.list.findIndex(({ time }) => time >= latest - REMEMBERED);
        const count = old < 0 ? holdings.list.length : old;
        holdings.list = holdings.list.slice(count);
        for (const [file, at] of holdings.done) holdings.done.set(file, Math.max(0, at - count));
      }
      if (all.every(({ list }) => list.length === 0)) texts.delete(text);
    }
    untilSweep = Math.max(SWEEP, texts.size);
  };

  return {
    hasElsewhere(item) {
      const { text, time, line } = item;
      latest = Math.max(latest, time);
      if (--untilSweep <= 0) sweep();
      let all = texts.get(text);
      if (!all) texts.set(text, (all = []));
      for (const holdings of all) {
        const found = find(holdings, item);
        if (!found) continue;
        (found.elsewhere ??= []).push(line.file);
        return true;
      }
      let own = all.find(({ file }) => file === line.file);
      if (!own) all.push((own = { file: line.file, list: [], done: new Map() }));
      own.list.push({ time, resolution: line.time?.resolution ?? 0, elsewhere: null });
      return false;
    },
  };
}
