import type { GivenLogs } from '../given.js';
import { parse } from '../klog/parse.js';
import { asUlogdTells } from '../klog/ulogd.js';
import type { ObservedEntry } from '../observed/entry.js';
import type { HeldFile, HeldLog } from '../observed/heldLog.js';
import { groupMessages, logPrefixes } from '../rules/logPrefix.js';
import type { Ruleset } from '../rules/model.js';
import type { Entries } from './entries.js';

/** What of the logs can be held against predicted lines, and which lines to predict. */
export interface Comparable extends Entries {
  readonly predicts: GivenLogs;
  /** What was set aside or left out of sight, a sentence each. */
  readonly said: readonly string[];
}

/** The name of the interface with that index; undefined for none. */
export type NameOf = (index: number) => string | undefined;

/**
 * Says which rules' lines the logs hold, and in whose words. The kernel's log has those of LOG; ulogd's has what NFLOG
 * rules send to the groups that it listens to, or that of LOG where net.netfilter.nf_log.* is nfnetlink_log. What no rule
 * writes and steps of packet traces are left out.
 */
export function comparable(log: HeldLog, ruleset: Ruleset, nameOf: NameOf): Comparable {
  const said: string[] = [];
  if (log.steps > 0)
    said.push(`${log.steps} steps of a packet trace in the log are not compared: they are no LOG lines`);
  const rules = writersIn(ruleset);
  const captured = log.files.filter(({ groups }) => groups !== null);
  // A few of ulogd's lines look like the kernel's, and the other way round: a file is the one's or the other's.
  const emulated = log.files.filter((file) => !captured.includes(file) && isUlogds(file));
  const kernels = log.files.filter((file) => !captured.includes(file) && !emulated.includes(file));
  const told = prefixesIn(emulated);
  const listened = listenedTo(captured, told, rules);
  const sends = (prefix: string): boolean =>
    rules.groups.get(prefix)?.some((group) => listened.has(group)) === true;
  // Without a log of the kernel's own, it is ulogd that tells of LOG.
  const logsByUlogd = kernels.length === 0 && [...told].some((p) => rules.logged.has(p) && !sends(p));
  const mayBe = (prefix: string): boolean =>
    rules.logged.has(prefix) ? logsByUlogd || sends(prefix) : listened.size > 0;

  const own = without(kernels, ({ by }) => !by, said, "the kernel's own lines beside them are");
  const theirs = without(
    emulated,
    ({ text }) => mayBe(prefixOf(text)),
    said,
    kernels.length > 0 ? 'no NFLOG rule has their prefix' : 'no LOG or NFLOG rule has their prefix',
  );
  const isUlogd = theirs.some(({ lines }) => lines[Symbol.iterator]().next().done === false);
  if (isUlogd)
    said.push(
      'ulogd wrote the log: link-layer addresses, TCP sequence numbers, urgent pointers and options, and packets within ICMP errors are not compared',
    );
  return {
    files: [
      ...own.map(({ lines }) => lines),
      ...captured.map(({ lines }) => (isUlogd ? inUlogdsWords(lines, nameOf) : lines)),
      ...theirs.map(({ lines }) => inUlogdsWords(lines, nameOf)),
    ],
    losses: log.losses,
    predicts: {
      kernel: kernels.length > 0 ? 'kernel' : logsByUlogd ? 'ulogd' : null,
      groups: listened,
      groupsBy: isUlogd ? 'ulogd' : 'kernel',
    },
    said,
  };
}

function isUlogds({ lines, emulated }: HeldFile): boolean {
  return emulated > 0 && emulated * 2 >= lines.length;
}

/** The prefixes that LOG rules write, and for those of NFLOG rules the groups that they send to. */
interface Writers {
  readonly logged: ReadonlySet<string>;
  readonly groups: ReadonlyMap<string, readonly number[]>;
}

function writersIn({ tables }: Ruleset): Writers {
  const logged = new Set<string>();
  const groups = new Map<string, number[]>();
  for (const { chains } of tables)
    for (const { rules } of chains.values())
      for (const rule of rules) {
        for (const prefix of logPrefixes(rule)) logged.add(prefix);
        for (const { prefix, group } of groupMessages(rule))
          groups.set(prefix, [...(groups.get(prefix) ?? []), group]);
      }
  return { logged, groups };
}

/**
 * The groups whose messages were kept: those that a capture has messages of, and those of the rules whose prefixes ulogd
 * wrote. All where neither tells.
 */
function listenedTo(
  captured: readonly HeldFile[],
  told: ReadonlySet<string>,
  { logged, groups }: Writers,
): ReadonlySet<number> {
  const found = new Set(captured.flatMap((file) => [...(file.groups ?? [])]));
  for (const prefix of told) for (const group of groups.get(prefix) ?? []) found.add(group);
  const isTold = captured.length > 0 || (told.size > 0 && ![...told].some((prefix) => logged.has(prefix)));
  return found.size > 0 || !isTold ? found : new Set([...groups.values()].flat());
}

/** Prefixes that are told apart at most. */
const MOST_PREFIXES = 10_000;

function prefixesIn(files: readonly HeldFile[]): Set<string> {
  const found = new Set<string>();
  for (const { lines } of files)
    for (const { text } of lines) if (found.size < MOST_PREFIXES) found.add(prefixOf(text));
  return found;
}

function prefixOf(text: string): string {
  return parse(text)?.prefix ?? '';
}

interface Lines {
  readonly lines: Iterable<ObservedEntry>;
}

/** The lines that are wanted; why others of ulogd are not is said. */
function without(
  files: readonly HeldFile[],
  wants: (entry: ObservedEntry) => boolean,
  said: string[],
  why: string,
): readonly Lines[] {
  let unwanted = 0;
  for (const { lines, emulated } of files)
    if (emulated > 0) for (const entry of lines) if (!wants(entry)) unwanted++;
  if (unwanted === 0) return files;
  said.push(`${unwanted} lines of ulogd are not compared: ${why}`);
  return files.map(({ lines }) => ({ lines: filtered(lines, wants) }));
}

function filtered(
  lines: Iterable<ObservedEntry>,
  wants: (entry: ObservedEntry) => boolean,
): Iterable<ObservedEntry> {
  return {
    *[Symbol.iterator]() {
      for (const entry of lines) if (wants(entry)) yield entry;
    },
  };
}

function inUlogdsWords(lines: Iterable<ObservedEntry>, nameOf: NameOf): Iterable<ObservedEntry> {
  return {
    *[Symbol.iterator]() {
      for (const { time, file, line, boot, text } of lines) {
        const words = asUlogdTells(named(text, nameOf));
        yield { time, file, line, boot, by: 'ulogd', text: words, record: parse(words) };
      }
    },
  };
}

/** ulogd's XML has interfaces by their indexes. */
function named(text: string, nameOf: NameOf): string {
  if (!text.includes('=if')) return text;
  return text.replace(/(IN|OUT)=if(\d{1,9}) /g, (all, which: string, index: string) => {
    const name = nameOf(Number(index));
    return name === undefined ? all : `${which}=${name} `;
  });
}
