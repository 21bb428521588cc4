import type { Family } from '../../rules/model.js';

/** Named priorities (nft(8), Table 6 and 7): of the IP families, and of bridge; some on one hook only. */
interface Named {
  readonly name: string;
  readonly value: number;
  readonly hook: string | null;
  /** Where versions from 1.0.9 on take it too, and list it: hosts that have them are read as well. */
  readonly later?: string;
}

const IP: readonly Named[] = [
  { name: 'raw', value: -300, hook: null },
  { name: 'mangle', value: -150, hook: null },
  { name: 'dstnat', value: -100, hook: 'prerouting', later: 'output' },
  { name: 'filter', value: 0, hook: null },
  { name: 'security', value: 50, hook: null },
  { name: 'srcnat', value: 100, hook: 'postrouting', later: 'input' },
];
const BRIDGE: readonly Named[] = [
  { name: 'dstnat', value: -300, hook: 'prerouting' },
  { name: 'filter', value: -200, hook: null },
  { name: 'out', value: 100, hook: 'output' },
  { name: 'srcnat', value: 300, hook: 'postrouting' },
];
const FILTER: readonly Named[] = [{ name: 'filter', value: 0, hook: null }];

function namesOf(family: Family): readonly Named[] {
  return family === 'bridge' ? BRIDGE : family === 'arp' || family === 'netdev' ? FILTER : IP;
}

export function priorityValue(name: string, family: Family, hook: string): number | undefined {
  return namesOf(family).find((n) => n.name === name && (isFor(n, hook) || n.later === hook))?.value;
}

function isFor(named: Named, hook: string): boolean {
  return named.hook === null || named.hook === hook;
}

/** As nft lists it: a name where one is at most ten away (`prio2str()`, src/rule.c), else the number. */
export function priorityText(value: number, family: Family, hook: string): string {
  for (const { name, value: named } of namesOf(family).filter((n) => isFor(n, hook))) {
    const offset = value - named;
    if (offset === 0) return name;
    if (Math.abs(offset) <= 10) return `${name} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)}`;
  }
  return String(value);
}
