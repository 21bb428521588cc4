import { parseAddress, parseNetwork } from '../../address/ip.js';
import type { Condition } from '../../rules/definition.js';

type Asked = Pick<Condition, 'field' | 'wanted'>;

/**
 * Whether another value of the field would have been what the condition wants, judged by its words. Where the words
 * say more than a list of values it says no; what is advised is tried anyway.
 */
export function wouldFulfil({ field, wanted }: Asked, value: string): boolean {
  const [, sign, list] = /^(not |!= ?)?(?:\{ )?(.*?)(?: \})?$/s.exec(wanted) ?? [];
  const negated = sign !== undefined;
  const inside = list.split(',').some((item) => holds(field, item.trim(), value));
  return inside !== negated;
}

function holds(field: Condition['field'], item: string, value: string): boolean {
  switch (field) {
    case 'sourcePort':
    case 'destinationPort': {
      const range = portRange(item);
      const port = Number(value);
      return range !== undefined && port >= range[0] && port <= range[1];
    }
    case 'ip.source':
    case 'ip.destination': {
      const address = parseAddress(value);
      return (address && parseNetwork(item)?.includes(address)) ?? false;
    }
    case 'in':
    case 'out': {
      const name = item.replace(/^"(.*)"$/, '$1');
      return /[+*]$/.test(name) ? value.startsWith(name.slice(0, -1)) : name === value;
    }
    case 'ip.ttl':
      return compares(item, Number(value));
    default:
      return item === value;
  }
}

/** `64`, `== 64`, `< 10`, as -m ttl and nft say it. */
function compares(item: string, value: number): boolean {
  const [, sign = '==', text = ''] = /^(==|[<>]=?)? ?(\d+)$/.exec(item) ?? [];
  const limit = text === '' ? NaN : Number(text);
  switch (sign) {
    case '==':
      return value === limit;
    case '<':
      return value < limit;
    case '<=':
      return value <= limit;
    case '>':
      return value > limit;
    default:
      return value >= limit;
  }
}

/** `80`, `80:90`, of nft `80-90`; undefined for anything else. */
export function portRange(text: string): readonly [number, number] | undefined {
  const found = /^(\d{1,5})(?:[:-](\d{1,5}))?$/.exec(text);
  return found ? [Number(found[1]), Number(found[2] ?? found[1])] : undefined;
}
