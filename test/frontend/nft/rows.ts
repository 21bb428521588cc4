import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Family } from '../../../src/rules/model.js';

/** A rule of nft-1.0.6.txt with what nft made of it. */
export interface Case {
  readonly family: Family;
  readonly input: string;
  readonly listed: string | null;
  readonly json: string | null;
  readonly refused: string | null;
  /** Later versions of nft read what 1.0.6 refuses. */
  readonly later?: boolean;
}

/** The rules of nft-1.0.6.txt, or of another version's file. */
export function cases(version = '1.0.6'): Case[] {
  const result: Case[] = [];
  let family: Family = 'ip';
  let input = '';
  for (const line of readFileSync(join(import.meta.dirname, `nft-${version}.txt`), 'utf8').split('\n')) {
    if (line.startsWith('==')) family = line.slice(2) as Family;
    else if (line.startsWith('< ')) input = line.slice(2);
    else if (line === '=' || line.startsWith('> '))
      result.push({ family, input, listed: line === '=' ? input : line.slice(2), json: null, refused: null });
    else if (/^[!+] /.test(line))
      result.push({
        family,
        input,
        listed: null,
        json: null,
        refused: line.slice(2),
        later: line.startsWith('+'),
      });
    else if (line.startsWith('J ')) {
      const last = result.pop();
      if (last) result.push({ ...last, json: line.slice(2) });
    }
  }
  return result;
}

const TABLE = readFileSync(join(import.meta.dirname, 'table.nft'), 'utf8');
const IP: readonly Family[] = ['ip', 'ip6', 'inet'];

/** The sets, maps, objects and chains that the rules name, as they were when nft read them. */
export function inTable(family: Family, rule: string): string {
  const address = family === 'ip6' ? 'ipv6_addr' : 'ipv4_addr';
  return TABLE.split('\n')
    .filter((line) => IP.includes(family) || !line.endsWith('#IP'))
    .join('\n')
    .replaceAll('FAMILY', family)
    .replaceAll('ADDRESS', address)
    .replaceAll('L3', family === 'ip6' ? 'ip6' : 'ip')
    .replace('RULES', () => rule);
}
