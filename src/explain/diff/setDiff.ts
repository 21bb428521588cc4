import { printIpsetSave } from '../../frontend/ipset/print.js';
import { modelValues } from '../../frontend/nft/print/print.js';
import { printElement } from '../../frontend/nft/print/printExpression.js';
import { printStatement } from '../../frontend/nft/print/printStatement.js';
import type { Ruleset } from '../../rules/model.js';
import type { IpSets } from '../../rules/sets/set.js';

/** A set that holds other elements, or that only one side has. */
export interface SetDifference {
  /** `ipset blocked`, `inet:filter:@blocked`. */
  readonly place: string;
  /** null: there is no such set. */
  readonly onlyFirst: readonly string[] | null;
  readonly onlySecond: readonly string[] | null;
}

interface Side {
  readonly ruleset: Ruleset;
  readonly sets: IpSets;
}

/** What the sets of one side hold that those of the other do not, as they are listed. */
export function diffSets(first: Side, second: Side): SetDifference[] {
  const [a, b] = [linesOf(first), linesOf(second)];
  return [...new Set([...a.keys(), ...b.keys()])].flatMap((place): SetDifference[] => {
    const [has, other] = [a.get(place), b.get(place)];
    const onlyFirst = has ? [...has].filter((line) => !other?.has(line)) : null;
    const onlySecond = other ? [...other].filter((line) => !has?.has(line)) : null;
    const isSame = onlyFirst?.length === 0 && onlySecond?.length === 0;
    return isSame ? [] : [{ place, onlyFirst, onlySecond }];
  });
}

function linesOf({ ruleset, sets }: Side): Map<string, ReadonlySet<string>> {
  const all = new Map<string, Set<string>>();
  for (const line of printIpsetSave(sets, 0).split('\n')) {
    const [, command, name, rest] = /^(create|add) (\S+) (.*)$/.exec(line) ?? [];
    if (command === 'create') all.set(`ipset ${name}`, new Set());
    else if (command === 'add') all.get(`ipset ${name}`)?.add(rest);
  }
  for (const { family, name, nft } of ruleset.tables)
    for (const set of nft?.sets.values() ?? []) {
      const elements = set.elements.map((e) =>
        printElement(e, (s) => printStatement(s, family, modelValues), { hexadecimal: false }),
      );
      all.set(`${family}:${name}:@${set.name}`, new Set(elements));
    }
  return all;
}
