import type { OptionSpec } from '../../rules/options.js';

/** How an option of the command itself takes its argument, as getopt_long(3) says it. */
export type Arity = 'none' | 'required' | 'optional';

/** The commands' and rules' own options by their letter (iptables(8); `original_opts`, iptables/iptables.c). */
const GLOBAL: readonly (readonly [letter: string, arity: Arity, ...long: string[]])[] = [
  ['A', 'required', 'append'],
  ['D', 'required', 'delete'],
  ['C', 'required', 'check'],
  ['I', 'required', 'insert'],
  ['R', 'required', 'replace'],
  ['L', 'optional', 'list'],
  ['S', 'optional', 'list-rules'],
  ['F', 'optional', 'flush'],
  ['Z', 'optional', 'zero'],
  ['N', 'required', 'new-chain'],
  ['X', 'optional', 'delete-chain'],
  ['E', 'required', 'rename-chain'],
  ['P', 'required', 'policy'],
  ['s', 'required', 'source', 'src'],
  ['d', 'required', 'destination', 'dst'],
  ['p', 'required', 'protocol'],
  ['i', 'required', 'in-interface'],
  ['j', 'required', 'jump'],
  ['t', 'required', 'table'],
  ['m', 'required', 'match'],
  ['n', 'none', 'numeric'],
  ['o', 'required', 'out-interface'],
  ['v', 'none', 'verbose'],
  ['w', 'optional', 'wait'],
  ['W', 'optional', 'wait-interval'],
  ['x', 'none', 'exact'],
  ['f', 'none', 'fragments'],
  ['V', 'none', 'version'],
  ['h', 'optional', 'help'],
  ['0', 'none', 'line-numbers'],
  ['M', 'required', 'modprobe'],
  ['c', 'required', 'set-counters'],
  ['g', 'required', 'goto'],
  ['4', 'none', 'ipv4'],
  ['6', 'none', 'ipv6'],
];

export interface GlobalOption {
  readonly letter: string;
  readonly arity: Arity;
}

/** By letter; --line-numbers (`0`) has none. */
export const GLOBAL_BY_LETTER = new Map<string, GlobalOption>(
  GLOBAL.filter(([letter]) => letter !== '0').map(([letter, arity]) => [letter, { letter, arity }]),
);
export const GLOBAL_BY_NAME = new Map<string, GlobalOption>(
  GLOBAL.flatMap(([letter, arity, ...long]) => long.map((name) => [name, { letter, arity }] as const)),
);

const SPECS = new WeakMap<readonly OptionSpec[], Map<string, OptionSpec>>();

/** An extension's options by every spelling, without dashes. */
export function specsByName(options: readonly OptionSpec[]): Map<string, OptionSpec> {
  let map = SPECS.get(options);
  if (!map) {
    map = new Map();
    for (const spec of options)
      for (const name of [spec.name, ...(spec.aliases ?? [])]) map.set(name.replace(/^-+/, ''), spec);
    SPECS.set(options, map);
  }
  return map;
}

/** What a long option was found to be: the command's own, or that of the extension at `owner`. */
export type Found =
  | { readonly kind: 'global'; readonly option: GlobalOption; readonly exact: boolean }
  | {
      readonly kind: 'extension';
      /** Its place among the loaded ones. */
      readonly owner: number;
      readonly spec: OptionSpec;
      readonly exact: boolean;
    };

/**
 * Finds a long option as getopt_long(3) does: exactly, else by a prefix that means one option only. The
 * command's own come first, then the extensions, the last loaded first (`xtables_merge_options()`).
 */
export function findLong(
  name: string,
  loaded: readonly { readonly options: readonly OptionSpec[] }[],
): Found | undefined {
  const option = GLOBAL_BY_NAME.get(name);
  if (option) return { kind: 'global', option, exact: true };
  for (let owner = loaded.length - 1; owner >= 0; owner--) {
    const spec = specsByName(loaded[owner].options).get(name);
    if (spec) return { kind: 'extension', owner, spec, exact: true };
  }
  let found: Found | undefined;
  for (const [long, candidate] of GLOBAL_BY_NAME) {
    if (!long.startsWith(name)) continue;
    if (found && !(found.kind === 'global' && found.option.letter === candidate.letter)) return undefined;
    found = { kind: 'global', option: candidate, exact: false };
  }
  for (let owner = 0; owner < loaded.length; owner++)
    for (const [long, spec] of specsByName(loaded[owner].options)) {
      if (!long.startsWith(name)) continue;
      if (found && !(found.kind === 'extension' && found.owner === owner && found.spec === spec))
        return undefined;
      found = { kind: 'extension', owner, spec, exact: false };
    }
  return found;
}
