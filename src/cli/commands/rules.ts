import { statSync } from 'node:fs';
import { openCaptures } from '../../capture/open.js';
import { countersOf, nftText } from '../../engine/state.js';
import { printList } from '../../frontend/iptables/list.js';
import { type CounterOf, modelCounters, printRules, printSave } from '../../frontend/iptables/print.js';
import { type Given, loadGiven } from '../../given.js';
import { printJson } from '../../report/json.js';
import { ruleColumns } from '../../report/tables.js';
import type { Ruleset, Table } from '../../rules/model.js';
import { runReplay } from '../../run.js';
import { Diagnostics } from '../../source/diagnostic.js';
import { escapeControls } from '../../source/text.js';
import { readCaptures } from '../inputs.js';
import { Status, Unusable, write } from '../io.js';
import type { RulesOptions } from '../options.js';
import { printReport } from '../output.js';
import { ruleRows } from '../../compare/ruleRows.js';
import type { Terminal } from '../terminal.js';

/** `nfreplay rules`: shows rules as iptables would, after a replay if wanted. */
export async function rules(
  args: readonly string[],
  options: RulesOptions,
  terminal: Terminal,
): Promise<number> {
  if (options.diff) return (await import('./rulesDiff.js')).rulesDiff(args, options.diff, options, terminal);
  const { files, chain } = takeChain(args);
  const diagnostics = new Diagnostics();
  let hasSpoken = false;
  const given = load(files, diagnostics, (stream, text, { file, line }) => {
    hasSpoken = true;
    if (stream === 'stdout') void write(terminal.io.stdout, text);
    else void write(terminal.io.stderr, `${text}    at ${escapeControls(file)}:${line}\n`);
  });
  terminal.tell(diagnostics);
  if (given.unusable.length > 0) throw new Unusable('');
  const { replay } = options;
  const captures = replay ? await readCaptures(replay, options, terminal) : null;
  // Without a capture nothing is run, and everything is as it was loaded.
  const result = await runReplay(captures?.source ?? openCaptures([]), given);
  captures?.tell();
  const { program } = result.replay.kernel;
  const counters = captures ? countersOf(program) : modelCounters;
  const status = diagnostics.hasErrors ? Status.unusable : Status.done;

  const asked = options.list ?? options.listRules ?? options.save ?? false;
  if (hasSpoken && !asked && options.format === 'text') return status;
  const shown = shownTables(given.ruleset, options);
  const rows = () => ruleRows({ tables: shown }, counters);
  await printReport(
    {
      columns: ruleColumns,
      rows,
      json: () => [...rows()],
      *ndjson() {
        for (const row of rows()) yield `${printJson(row)}\n`;
      },
      text: () =>
        isNft(given.ruleset, options)
          ? nftText(program, result.replay.lastTime)
          : textOf(given.ruleset, shown, chain, options, counters),
    },
    options,
    terminal,
  );
  return status;
}

/** The last argument is a chain where it is no file and others are. */
function takeChain(args: readonly string[]): { files: readonly string[]; chain: string | null } {
  const last = args[args.length - 1];
  const isFile = last === '-' || statSync(last, { throwIfNoEntry: false }) !== undefined;
  if (args.length > 1 && !isFile && !/[./]/.test(last)) return { files: args.slice(0, -1), chain: last };
  return { files: args, chain: null };
}

function load(
  files: readonly string[],
  diagnostics: Diagnostics,
  voice: NonNullable<Parameters<typeof loadGiven>[0]['voice']>,
): Given {
  const isDir = (file: string): boolean => statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
  const dirs = files.filter(isDir);
  if (dirs.length > 1) throw new Unusable('more than one host snapshot is given');
  return loadGiven(
    { hostDir: dirs[0], rulesFiles: files.filter((file) => file !== dirs[0]), voice },
    diagnostics,
  );
}

/** Whether to show the tables of nft: where that is asked for, or there are no others. */
function isNft({ tables }: Ruleset, { nft }: RulesOptions): boolean {
  return nft ?? (tables.length > 0 && tables.every((table) => table.nft));
}

/** The tables of one IP version of iptables: of IPv4 unless asked otherwise, or unless there are only those of IPv6. */
function shownTables(ruleset: Ruleset, options: RulesOptions): Ruleset['tables'] {
  const { ipv4, ipv6, format, csv, table } = options;
  const every = format !== 'text' || csv === '-';
  const has4 = ruleset.tables.some((t) => t.family === 'ip' && !t.nft);
  const only = ipv6 ? 'ip6' : ipv4 ? 'ip' : every ? null : has4 ? 'ip' : 'ip6';
  return ruleset.tables.filter(
    (t) => (only === null || (t.family === only && !t.nft)) && (table === undefined || t.name === table),
  );
}

/** As `iptables-save -c`, `iptables -S` or `iptables -L` print it. */
function textOf(
  { tables }: Ruleset,
  shown: readonly Table[],
  chain: string | null,
  options: RulesOptions,
  counters: CounterOf,
): string {
  if (tables.length === 0) return '';
  const { table: name = 'filter', numeric, counters: verbose, exact, lineNumbers } = options;
  if (options.save) return ([4, 6] as const).map((version) => printSave(shown, version, counters)).join('');
  const table = shown.find((t) => t.name === name);
  if (!table) {
    const others = [...new Set(tables.map((t) => t.name))].join(', ');
    throw new Unusable(`there is no table ${name}`, others === '' ? '' : `There is ${others}; -t chooses.`);
  }
  const text = options.listRules
    ? printRules(table, { chain, verbose }, counters)
    : printList(
        table,
        { chain, numeric, verbose, exact, lineNumbers, protocolNames: isOld(options.iptablesVersion) },
        counters,
      );
  if (text === undefined) throw new Unusable(`there is no chain ${chain} in table ${name}`);
  return text;
}

/** Before 1.8.9, -n left protocol names as they are. */
function isOld(version: string | undefined): boolean {
  if (version === undefined) return false;
  const parts = version.split('.').map(Number);
  if (parts.length < 2 || parts.some((part) => !Number.isInteger(part)))
    throw new Unusable(`not a version of iptables: ${version}`, 'Write 1.4, or 1.8.9.');
  const [major, minor, patch = 0] = parts;
  return major * 1e6 + minor * 1e3 + patch < 1_008_009;
}
