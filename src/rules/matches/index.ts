import type { MatchDefinition } from '../definition.js';
import { ip } from './ip.js';
import { tcp } from './tcp.js';

/** Every match there is. Each is declared as a whole `MatchDefinition`, so one that is half-added does not compile. */
export const MATCHES: readonly MatchDefinition[] = [ip, tcp];

const BY_NAME = new Map<string, MatchDefinition>();
for (const match of MATCHES)
  for (const name of [match.name, ...(match.aliases ?? [])])
    for (const version of match.versions) BY_NAME.set(`${version} ${name}`, match);

/** The match that -m calls `name` in iptables (4) or ip6tables (6); undefined where none is known. */
export function findMatch(name: string, version: 4 | 6): MatchDefinition | undefined {
  return BY_NAME.get(`${version} ${name}`);
}
