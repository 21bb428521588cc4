import type { PredictedLine } from '../engine/events.js';
import { asUlogdTells } from '../klog/ulogd.js';
import { parse } from '../klog/parse.js';
import type { ObservedEntry } from '../observed/entry.js';

/** What of the logs can be held against predicted lines. */
export interface Comparable {
  readonly entries: readonly ObservedEntry[];
  /** The predicted lines in the words that the logs have. */
  inItsWords(lines: readonly PredictedLine[]): readonly PredictedLine[];
  /** What was set aside or left out of sight, a sentence each. */
  readonly said: readonly string[];
}

/**
 * Leaves out steps of traces, and what ulogd wrote for NFLOG rules, which write no line to the kernel log. Where ulogd alone wrote for
 * LOG rules (net.netfilter.nf_log.* is nfnetlink_log), both sides are cut down to what it tells.
 * @param isLogged whether a LOG rule has the prefix
 */
export function comparable(
  observed: readonly ObservedEntry[],
  isLogged: (prefix: string) => boolean,
): Comparable {
  const said: string[] = [];
  let entries = observed;
  const steps = entries.filter(({ trace }) => trace).length;
  if (steps > 0) {
    entries = entries.filter(({ trace }) => !trace);
    said.push(`${steps} steps of a packet trace in the log are not compared: they are no LOG lines`);
  }
  const logged = new Map<string, boolean>();
  const isForeign = (entry: ObservedEntry): boolean => {
    if (!entry.by) return false;
    const prefix = entry.record?.prefix ?? '';
    let known = logged.get(prefix);
    if (known === undefined) logged.set(prefix, (known = isLogged(prefix)));
    return !known;
  };
  const foreign = entries.filter(isForeign).length;
  if (foreign > 0) {
    entries = entries.filter((entry) => !isForeign(entry));
    said.push(
      `${foreign} lines of ulogd are not compared: no LOG rule has their prefix, and what NFLOG rules send is not predicted`,
    );
  }
  const lines = entries.filter(({ loss }) => !loss);
  const emulated = lines.filter(({ by }) => by).length;
  if (emulated === 0) return { entries, inItsWords: (predicted) => predicted, said };
  if (emulated * 2 < lines.length) {
    // Both wrote: the kernel's own lines are the fuller ones. A few of ulogd's look like the kernel's.
    said.push(`${emulated} lines of ulogd are not compared: the kernel's own lines beside them are`);
    return { entries: entries.filter(({ by }) => !by), inItsWords: (predicted) => predicted, said };
  }
  said.push(
    'ulogd wrote the log: link-layer addresses, TCP sequence numbers and options, and packets within ICMP errors are not compared',
  );
  return {
    entries: entries.map((entry) =>
      entry.loss
        ? entry
        : { ...placeOf(entry), text: asUlogdTells(entry.text), record: parse(asUlogdTells(entry.text)) },
    ),
    inItsWords: (predicted) => predicted.map((line) => ({ ...line, text: asUlogdTells(line.text) })),
    said,
  };
}

function placeOf({
  time,
  file,
  line,
  boot,
}: ObservedEntry): Pick<ObservedEntry, 'time' | 'file' | 'line' | 'boot'> {
  return { time, file, line, boot };
}
