import type { Suspect } from '../explain/finding.js';

/** In one word or two, rules as the command line addresses them; '' for nobody. */
export function suspectAddress(suspect: Suspect | null): string {
  if (suspect === null) return '';
  if ('set' in suspect) return `${suspect.set} ${suspect.element}`;
  if ('sysctl' in suspect) return suspect.sysctl;
  if ('route' in suspect) return suspect.route;
  if ('address' in suspect) return `${suspect.address} ${suspect.interface}`;
  if ('tables' in suspect) return suspect.tables;
  if ('conntrack' in suspect) return suspect.conntrack;
  const { backend, family, table, chain, rule } = suspect;
  const head = family === '' || (family === 'ip' && backend === 'iptables') ? '' : `${family}:`;
  return `${head}${table}:${chain}${rule === null ? '' : `:${rule}`}`;
}
