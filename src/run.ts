import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FrameSource } from './capture/frame.js';
import { fromEntries } from './compare/entries.js';
import { compareLines } from './compare/compare.js';
import type { Comparison } from './compare/result.js';
import type { PredictedLine } from './engine/events.js';
import type { Observer } from './engine/observer.js';
import { Replay } from './engine/replay.js';
import type { Sinks } from './engine/kernel.js';
import { readIpsetSave } from './frontend/ipset/read.js';
import { parseSave } from './frontend/iptables/save.js';
import { assumeHost } from './host/assume.js';
import type { Host } from './host/host.js';
import { readHost } from './host/snapshot.js';
import type { ObservedEntry } from './observed/entry.js';
import { readLog } from './observed/readLog.js';
import type { Ruleset } from './rules/model.js';
import type { IpSets } from './rules/sets/set.js';
import { setView } from './rules/sets/view.js';
import type { Diagnostics } from './source/diagnostic.js';

/** What decides: the host and its rules. */
export interface Given {
  readonly host: Host;
  readonly ruleset: Ruleset;
  readonly sets: IpSets;
}

export interface GivenSources {
  /** A host snapshot (docs, "A host snapshot is a directory"). */
  readonly hostDir?: string;
  /** Files of rules; added to those of the snapshot. */
  readonly rulesFiles?: readonly string[];
  /** `198.51.100.2/24@eth0`, where there is no snapshot. */
  readonly addresses?: readonly string[];
  readonly routes?: readonly string[];
}

/** Reads the host and its rules; what is wrong with them is in `diagnostics`. */
export function loadGiven(sources: GivenSources, diagnostics: Diagnostics): Given {
  const { hostDir, rulesFiles = [] } = sources;
  const host =
    hostDir === undefined
      ? assumeHost({ addresses: sources.addresses ?? [], routes: sources.routes ?? [] }, diagnostics)
      : readHost(hostDir, diagnostics);
  const ruleset: Ruleset = { tables: [] };
  const sets: IpSets = new Map();
  if (hostDir !== undefined) {
    const inside = (name: string): string => join(hostDir, name);
    readIfThere(inside('ipset-save.txt'), (text, file) => readIpsetSave(text, file, diagnostics, sets));
    readIfThere(inside('iptables-save.txt'), (text, file) =>
      ruleset.tables.push(...parseSave(text, file, 4, diagnostics)),
    );
    readIfThere(inside('ip6tables-save.txt'), (text, file) =>
      ruleset.tables.push(...parseSave(text, file, 6, diagnostics)),
    );
  }
  for (const file of rulesFiles) {
    const text = readText(file, diagnostics);
    if (text === undefined) continue;
    addRules(text, file, ruleset, sets, diagnostics);
  }
  return { host, ruleset, sets };
}

/** Adds a file of rules, by what its text turns out to be. */
function addRules(
  text: string,
  file: string,
  ruleset: Ruleset,
  sets: IpSets,
  diagnostics: Diagnostics,
): void {
  if (/^\s*create\s+\S+\s+(hash|bitmap|list):/m.test(text)) readIpsetSave(text, file, diagnostics, sets);
  else ruleset.tables.push(...parseSave(text, file, 4, diagnostics));
}

function readIfThere(path: string, use: (text: string, file: string) => void): void {
  if (existsSync(path)) use(readFileSync(path, 'utf8'), path);
}

/** Most bytes of one file of rules: 40,000 rules are five million. */
const LARGEST_RULES = 512 * 1024 * 1024;

function readText(path: string, diagnostics: Diagnostics): string | undefined {
  try {
    const text = readFileSync(path === '-' ? 0 : path);
    if (text.length > LARGEST_RULES) throw new Error('it is larger than 512 MiB');
    return text.toString('utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(error);
    diagnostics.error(`${path} cannot be read: ${why}`);
    return undefined;
  }
}

/** A finished replay: the predicted lines, and the simulated kernel as it is at the last packet. */
export interface ReplayResult {
  readonly lines: readonly PredictedLine[];
  readonly replay: Replay;
}

export interface ReplaySinks extends Partial<Omit<Sinks, 'line'>> {
  line?(line: PredictedLine): void;
}

/** Runs a capture, already opened, through the simulated host. */
export async function runReplay(
  source: FrameSource,
  given: Given,
  options: { observer?: Observer; sinks?: ReplaySinks; seed?: number; device?: string } = {},
): Promise<ReplayResult> {
  const lines: PredictedLine[] = [];
  const clock = { now: 0 };
  const { sinks = {} } = options;
  const replay = new Replay(
    {
      ruleset: given.ruleset,
      host: given.host,
      sets: setView(given.sets, clock),
      observer: options.observer,
      seed: options.seed,
      device: options.device,
      sinks: {
        ...sinks,
        sent: (passage) => sinks.sent?.(passage),
        line: (line) => {
          lines.push(line);
          sinks.line?.(line);
        },
      },
    },
    source,
  );
  replay.clock = clock;
  await replay.run();
  return { lines, replay };
}

/** Reads the host's logs; what is wrong with them is in `diagnostics`. */
export async function readLogs(files: readonly string[], diagnostics: Diagnostics): Promise<ObservedEntry[]> {
  const entries: ObservedEntry[] = [];
  for (const file of files)
    for await (const entry of readLog({ file }, {}, diagnostics))
      entries.push(entry);
  return entries;
}

/** Holds a replay against the host's log. */
export function compareWithLog(
  result: ReplayResult,
  observed: readonly ObservedEntry[],
  source: FrameSource,
): Comparison {
  const { lines, losses } = fromEntries(observed, source.epoch);
  return compareLines({
    predicted: result.lines,
    observed: lines,
    losses,
    packets: result.replay.counts.frames,
    epoch: source.epoch,
    end: result.replay.lastTime,
  });
}
