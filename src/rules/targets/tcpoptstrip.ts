import { Protocol } from '../../packet/numbers.js';
import { stripTcpOptions } from '../../packet/rewriteTcp.js';
import type { TargetDefinition } from '../definition.js';
import { parseUint } from '../integers.js';
import type { OptionList } from '../options.js';
import { KERNEL_REFUSES } from '../refusal.js';
import { Verdict } from '../verdict.js';

export interface TcpOptStripTarget {
  /** Ascending, from 2 on. */
  readonly kinds: ReadonlySet<number>;
}

/** As -L without -n shows them. */
const NAMES: ReadonlyMap<string, number> = new Map([
  ['mss', 2],
  ['wscale', 3],
  ['sack-permitted', 4],
  ['sack', 5],
  ['timestamp', 8],
  ['md5', 19],
]);
const NAME_OF: ReadonlyMap<number, string> = new Map([...NAMES].map(([name, kind]) => [kind, name]));

function parse(options: OptionList): TcpOptStripTarget {
  if (options.protocol !== Protocol.tcp) options.error(KERNEL_REFUSES);
  const word = options.find('--strip-options')?.args[0];
  const kinds = new Set<number>();
  for (const name of word?.text.split(',') ?? []) {
    const kind = NAMES.get(name) ?? parseUint(name, 255);
    const wrong =
      kind === undefined
        ? `Bad TCP option value "${name}"`
        : kind < 2
          ? 'Option value may not be 0 or 1'
          : kinds.has(kind) && `Option "${name}" already specified`;
    if (wrong) {
      options.error(wrong, word);
      break;
    }
    if (kind !== undefined) kinds.add(kind);
  }
  return { kinds: new Set([...kinds].sort((a, b) => a - b)) };
}

export const tcpoptstrip: TargetDefinition<TcpOptStripTarget, undefined> = {
  name: 'TCPOPTSTRIP',
  versions: [4, 6],
  tables: ['mangle'],
  options: [{ name: '--strip-options', args: 1 }],
  parse,
  print: ({ kinds }) => (kinds.size ? `--strip-options ${[...kinds].join(',')}` : ''),
  list: ({ kinds }, numeric) =>
    kinds.size
      ? `TCPOPTSTRIP options ${[...kinds].map((kind) => (numeric ? kind : (NAME_OF.get(kind) ?? kind))).join(',')}`
      : '',
  writes: ['tcp.options'],
  terminal: false,
  common: false,
  start: () => undefined,
  run: ({ kinds }, packet) => (stripTcpOptions(packet, kinds) ? Verdict.continue : Verdict.drop),
};
