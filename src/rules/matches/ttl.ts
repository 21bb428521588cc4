import { u8 } from '../../packet/bytes.js';
import { Ipv4 } from '../../packet/ipv4.js';
import { Ipv6 } from '../../packet/ipv6.js';
import type { MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { parseUint } from '../integers.js';
import type { OptionList } from '../options.js';
import { refusal, refuseTogether } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct ipt_ttl_info`, `struct ip6t_hl_info` (linux/netfilter_ipv4/ipt_ttl.h, linux/netfilter_ipv6/ip6t_hl.h). */
export interface TtlMatch {
  readonly is: 'eq' | 'ne' | 'lt' | 'gt';
  readonly value: number;
}

interface Dialect {
  readonly version: 4 | 6;
  readonly name: 'ttl' | 'hl';
  readonly offset: number;
  readonly none: string;
}

const TTL: Dialect = {
  version: 4,
  name: 'ttl',
  offset: Ipv4.ttl,
  none: "TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt",
};
const HL: Dialect = {
  version: 6,
  name: 'hl',
  offset: Ipv6.hopLimit,
  none: "HL match: You must specify one of `--hl-eq', `--hl-lt', `--hl-gt'",
};

const SIGNS = { eq: '==', ne: '!=', lt: '<', gt: '>' } as const;

/** `ttl_mt()`, `hl_mt6()` (net/netfilter/xt_hl.c). */
function hits({ is, value }: TtlMatch, seen: number): boolean {
  switch (is) {
    case 'eq':
      return seen === value;
    case 'ne':
      return seen !== value;
    case 'lt':
      return seen < value;
    case 'gt':
      return seen > value;
  }
}

function define({ version, name, offset, none }: Dialect): MatchDefinition<TtlMatch, undefined> {
  const options = [
    { name: `--${name}-eq`, aliases: [`--${name}`], args: 1, negatable: true },
    { name: `--${name}-lt`, args: 1 },
    { name: `--${name}-gt`, args: 1 },
  ] as const;

  function parse(list: OptionList): TtlMatch {
    const given = list.given.at(0);
    if (!given) list.error(none);
    refuseTogether(list, name, [`--${name}-lt`, `--${name}-gt`, `--${name}-eq`]);
    const value = given && parseUint(given.args[0].text, 255);
    if (given && value === undefined) list.error(refusal.outOfRange(name, given.name, 0, 255), given.args[0]);
    const is = given ? (given.name.slice(-2) as 'eq' | 'lt' | 'gt') : 'eq';
    return { is: is === 'eq' && given?.negated ? 'ne' : is, value: value ?? 0 };
  }

  const label = name.toUpperCase();
  return {
    name,
    versions: [version],
    options,
    parse,
    print: ({ is, value }) => (is === 'ne' ? `! --${name}-eq ${value}` : `--${name}-${is} ${value}`),
    list: ({ is, value }) => `${label} match ${label} ${SIGNS[is]} ${value}`,
    reads: () => ['ip.ttl'],
    pure: true,
    common: false,
    start: () => undefined,
    test: (data, packet) => (hits(data, u8(packet.data, offset)) ? Outcome.hit : Outcome.miss),
    explain: (data, packet) => {
      const seen = u8(packet.data, offset);
      const wanted = `${SIGNS[data.is]} ${data.value}`;
      return [condition(name, 'ip.ttl', false, wanted, String(seen), hits(data, seen))];
    },
  };
}

export const ttl = define(TTL);
export const hl = define(HL);
