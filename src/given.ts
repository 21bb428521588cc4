import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runIpset } from './frontend/ipset/command.js';
import { readIpsetSave } from './frontend/ipset/read.js';
import { savesIn } from './frontend/iptables/authors.js';
import { parseSave } from './frontend/iptables/save.js';
import { runScript, type ScriptHost } from './frontend/iptables/script.js';
import { includeFiles } from './frontend/nft/read/include.js';
import { parseNftJson } from './frontend/nft/json/json.js';
import { parseNft } from './frontend/nft/read/parse.js';
import { nftPrinter } from './frontend/nft/print/print.js';
import { nftScript, type NftScript } from './frontend/nft/read/script.js';
import { lookalikeOf, partOfSave } from './frontend/lookalikes.js';
import { recogniseRules } from './frontend/recognise.js';
import { type AssumedHost, assumeHost } from './host/assume.js';
import type { Host } from './host/host.js';
import { type ConntrackEntry, parseConntrack } from './host/conntrackText.js';
import { readHost } from './host/snapshot.js';
import { HOOK_NAMES } from './rules/hook.js';
import type { Ruleset, Table } from './rules/model.js';
import { tablesOfNft } from './rules/nft/eval/load.js';
import type { IpSets } from './rules/sets/set.js';
import { decodeText } from './source/decode.js';
import { Diagnostics } from './source/diagnostic.js';

/** What decides: the host and its rules. */
export interface Given {
  readonly host: Host;
  readonly ruleset: Ruleset;
  readonly sets: IpSets;
  /** Inputs of which nothing could be used; the diagnostics say why. */
  readonly unusable: readonly string[];
  /** Backends of which no input says what tables they have; unless told, there is none. */
  readonly untold?: readonly ('iptables' | 'nft')[];
  /** Which of the host's logs lines are predicted for; the kernel's own unless told. */
  readonly logs?: GivenLogs;
}

/** Whose words a line is in: ulogd lacks some of the kernel's. */
export type LogWriter = 'kernel' | 'ulogd';

/** What the host's logs hold. */
export interface GivenLogs {
  /** Who tells of LOG rules; null: nobody. */
  readonly kernel: LogWriter | null;
  /** The groups whose NFLOG messages were kept, and who tells of them. */
  readonly groups: ReadonlySet<number>;
  readonly groupsBy: LogWriter;
}

export interface GivenSources extends AssumedHost {
  /** A host snapshot (docs/cli.md, "A host snapshot is a directory"). Without it the host is as the other members tell. */
  readonly hostDir?: string;
  /** Files of rules, `-` for standard input; a table that is in several comes from the last one. */
  readonly rulesFiles?: readonly string[];
  /** Gets what the commands of a script print. */
  readonly voice?: ScriptVoice;
}

export type ScriptVoice = ScriptHost['write'];

/** Reads the host and its rules; what is wrong with them is in `diagnostics`. */
export function loadGiven(sources: GivenSources, diagnostics: Diagnostics): Given {
  const { hostDir, rulesFiles = [] } = sources;
  const host = hostDir === undefined ? assumeHost(sources, diagnostics) : readHost(hostDir, diagnostics);
  const unusable: string[] = [];
  if (hostDir !== undefined && !statSync(hostDir, { throwIfNoEntry: false })?.isDirectory())
    unusable.push(hostDir);
  const loaded: Loaded = { tables: [], sets: new Map(), diagnostics, voice: sources.voice };
  for (const name of hostDir === undefined
    ? []
    : ['ipset-save.txt', 'iptables-save.txt', 'ip6tables-save.txt']) {
    const file = join(hostDir as string, name);
    const text = existsSync(file) ? readText(file, diagnostics) : undefined;
    if (text === undefined) continue;
    if (name === 'ipset-save.txt') readIpsetSave(text, file, diagnostics, loaded.sets);
    else replaceTables(loaded, readSaves(text, file, name.startsWith('ip6') ? 6 : 4, diagnostics), file);
  }
  if (hostDir !== undefined) addNftOfHost(hostDir, loaded);
  for (const file of rulesFiles) {
    const text = readText(file, diagnostics);
    if (text === undefined || !addRules(text, file, loaded)) unusable.push(file);
  }
  const untold = untoldOf(hostDir, loaded.tables);
  return { host, ruleset: { tables: withoutTwins(loaded.tables) }, sets: loaded.sets, unusable, untold };
}

function untoldOf(hostDir: string | undefined, tables: readonly Table[]): ('iptables' | 'nft')[] {
  const has = (...names: readonly string[]): boolean =>
    hostDir !== undefined && names.some((name) => existsSync(join(hostDir, name)));
  const isNftTold = tables.some((t) => t.nft) || has(...NFT_FILES);
  const isIptablesTold = tables.some((t) => !t.nft) || has('iptables-save.txt');
  return [...(isNftTold ? [] : ['nft' as const]), ...(isIptablesTold ? [] : ['iptables' as const])];
}

const NFT_FILES = ['nft-ruleset.nft', 'nft-ruleset.json'];

/** What the host has when the capture ends (`after/` of its snapshot); null where that is not told. */
export interface HostAfter {
  /** With what its rules have counted. */
  readonly ruleset: Ruleset | null;
  readonly connections: readonly ConntrackEntry[] | null;
}

/** null: nothing is told. What cannot be read there is taken for not told. */
export function loadAfter(hostDir: string): HostAfter | null {
  const dir = join(hostDir, 'after');
  if (!existsSync(dir)) return null;
  const { ruleset } = loadGiven({ hostDir: dir }, new Diagnostics());
  const file = join(dir, 'conntrack.txt');
  const text = existsSync(file) ? readText(file, new Diagnostics()) : undefined;
  const connections = text?.split('\n').flatMap((line) => parseConntrack(line) ?? []) ?? null;
  return { ruleset: ruleset.tables.length > 0 ? ruleset : null, connections };
}

/** The rules as they are read, file by file. */
interface Loaded {
  tables: Table[];
  readonly sets: IpSets;
  readonly diagnostics: Diagnostics;
  readonly voice: ScriptVoice | undefined;
}

/** Adds a file of rules, by what its text turns out to be; false where it is nothing that can be used. */
function addRules(text: string, file: string, loaded: Loaded): boolean {
  const { sets, diagnostics } = loaded;
  const format = recogniseRules(text);
  switch (format) {
    case 'ipset':
      readIpsetSave(text, file, diagnostics, sets);
      return true;
    case 'save4':
    case 'save6': {
      const part = partOfSave(text);
      if (part) diagnostics.warning(`${file} ${part.what}`, { advice: part.advice });
      replaceTables(loaded, readSaves(text, file, format === 'save4' ? 4 : 6, diagnostics), file);
      return true;
    }
    case 'script': {
      const nft = nftScript();
      const { tables, lastFailure } = runScript(text, file, scriptHost(loaded, nft), diagnostics);
      replaceTables(loaded, tables, file);
      const own = nft.read(file, includeFiles(), diagnostics);
      if (own) replaceTables(loaded, tablesOfNft(own, nftPrinter), file);
      if (lastFailure) {
        const { status, position } = lastFailure;
        diagnostics.error(`the last command that failed left the status ${status}`, { position });
      }
      return true;
    }
    case 'nft':
    case 'nft-json':
      replaceTables(loaded, readNft(text, file, diagnostics, false), file);
      return true;
    case null:
      tellOther(text, file, diagnostics);
      return false;
  }
}

function tellOther(text: string, file: string, diagnostics: Diagnostics): void {
  const other = lookalikeOf(text);
  const what = text.trim() === '' ? 'is empty: it has no rules' : 'is no file of rules that is known';
  diagnostics.error(`${file} ${other?.what ?? what}`, {
    advice:
      other?.advice ??
      'Give what iptables-save -c, nft list ruleset or ipset save prints, or a script of iptables commands.',
  });
}

function readSaves(text: string, file: string, version: 4 | 6, diagnostics: Diagnostics): Table[] {
  return savesIn(text, version).flatMap((save) => parseSave(save.text, file, save.version, diagnostics));
}

/** A table has one content: what is loaded later takes the place of what was there, as iptables-restore does it. */
function replaceTables(loaded: Loaded, tables: readonly Table[], file: string): void {
  for (const table of tables) {
    const at = loaded.tables.findIndex((t) => isSameTable(t, table));
    if (at < 0) loaded.tables.push(table);
    else {
      loaded.diagnostics.note(`table ${table.name} is taken from ${file}`);
      loaded.tables[at] = table;
    }
  }
}

/** The tables of iptables and those of nft do not know of each other. */
function isSameTable(a: Table, b: Table): boolean {
  return a.family === b.family && a.name === b.name && !a.nft === !b.nft;
}

/** What a script's commands reach beside iptables: the sets. */
function scriptHost({ sets, diagnostics, voice }: Loaded, nft: NftScript): ScriptHost {
  const write: ScriptVoice =
    voice ??
    ((stream, text, position) => {
      if (stream === 'stderr') diagnostics.error(text.trimEnd().split('\n')[0], { position });
    });
  let mayHave = false;
  return {
    write,
    hasSet: (name) => mayHave || sets.has(name),
    other({ name, arguments: words, input, position }) {
      if (name === 'nft') {
        if (!nft.add(words, input, position))
          diagnostics.error('the file that nft reads here is not read: give it as a file of its own', {
            position,
          });
        return 0;
      }
      if (name !== 'ipset') return undefined;
      if (words.some((w) => w.text === 'restore' || w.text === '-R')) {
        if (input)
          readIpsetSave(
            '\n'.repeat(input.firstLine - 1) + input.lines.join('\n'),
            position.file,
            diagnostics,
            sets,
          );
        else mayHave = true;
        return 0;
      }
      const problem = runIpset(words, sets, 0);
      if (!problem) return 0;
      write('stderr', `ipset v7.17: ${problem.message}\n`, position);
      return 1;
    },
  };
}

/** The tables of an nft ruleset, as text or as JSON; `listed` where a host's ruleset was listed as that text. */
function readNft(text: string, file: string, diagnostics: Diagnostics, listed: boolean): Table[] {
  const parsed = /^\s*\{/.test(text)
    ? parseNftJson(text, file, diagnostics, listed)
    : parseNft(text, file, diagnostics, includeFiles(), listed);
  return tablesOfNft(parsed, nftPrinter);
}

/** Adds the nft tables of a host, from the text where there is JSON as well. */
function addNftOfHost(hostDir: string, loaded: Loaded): void {
  const file = NFT_FILES.map((name) => join(hostDir, name)).find(existsSync);
  const text = file === undefined ? undefined : readText(file, loaded.diagnostics);
  if (file === undefined || text === undefined) return;
  loaded.tables.push(...readNft(text, file, loaded.diagnostics, true));
}

/** Tables that iptables-nft made are listed by iptables-save too, which can show all that is in them, and are taken from there. */
function withoutTwins(tables: readonly Table[]): Table[] {
  const saved = new Set(tables.filter((t) => !t.nft).map(({ family, name }) => `${family} ${name}`));
  return tables.filter(
    ({ nft, family, name, chains }) =>
      !nft ||
      !saved.has(`${family} ${name}`) ||
      [...chains.values()].some((c) => c.base && c.name !== HOOK_NAMES[c.base.hook]),
  );
}

/** Most bytes of one file of rules: 40,000 rules are five million. */
const LARGEST_RULES = 256 * 1024 * 1024;

/** undefined where it cannot be read, which is then said. */
function readText(path: string, diagnostics: Diagnostics): string | undefined {
  try {
    if (path !== '-' && statSync(path).size > LARGEST_RULES) throw new Error('it is larger than 256 MiB');
    return decodeText(readFileSync(path === '-' ? 0 : path));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = new Map([
      ['ENOENT', 'there is no such file'],
      ['EISDIR', 'it is a directory'],
      ['EACCES', 'permission denied'],
    ]).get(code ?? '');
    diagnostics.error(`${path} cannot be read: ${why ?? message}`);
    return undefined;
  }
}
