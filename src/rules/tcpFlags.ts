import { TcpFlag } from '../packet/transport.js';

/** The names and order in which iptables-save prints them. */
const NAMES: readonly (readonly [string, number])[] = [
  ['FIN', TcpFlag.fin],
  ['SYN', TcpFlag.syn],
  ['RST', TcpFlag.rst],
  ['PSH', TcpFlag.psh],
  ['ACK', TcpFlag.ack],
  ['URG', TcpFlag.urg],
];
const ALL = 0x3f;

/** A comma-separated list of flag names, `ALL` or `NONE`; undefined where a name is none. */
export function parseFlags(text: string): number | undefined {
  let bits = 0;
  for (const word of text.split(',')) {
    const name = word.toUpperCase();
    if (name === 'ALL') bits |= ALL;
    else if (name !== 'NONE') {
      const flag = NAMES.find(([n]) => n === name);
      if (!flag) return undefined;
      bits |= flag[1];
    }
  }
  return bits;
}

export function formatFlags(bits: number): string {
  const names = NAMES.filter(([, bit]) => bits & bit).map(([name]) => name);
  return names.length ? names.join(',') : 'NONE';
}

export function formatFlagsHex(bits: number): string {
  return `0x${bits.toString(16).padStart(2, '0').toUpperCase()}`;
}
