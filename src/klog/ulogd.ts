import { emit } from './emit.js';
import { parse } from './parse.js';
import type { Token } from './record.js';

/** Words that ulogd always has, of an IP packet; the MAC address and the rest depend on its stack or are not told at all. */
const TOLD = new Set([
  ...['SRC', 'DST', 'LEN', 'TOS', 'PREC', 'TTL', 'HOPLIMIT', 'ID', 'CE', 'DF', 'MF', 'FRAG'],
  ...['PROTO', 'SPT', 'DPT', 'WINDOW', 'URG', 'ACK', 'PSH', 'RST', 'SYN', 'FIN', 'TYPE', 'CODE', 'SEQ'],
]);

/**
 * A LOG line without what ulogd cannot tell: the text by which a line of the kernel and one of ulogd about the same packet
 * are the same.
 */
export function asUlogdTells(text: string): string {
  const record = parse(text);
  if (!record) return text;
  const { prefix, in: input, out, packet, mark } = record;
  const tokens: Token[] = [];
  let protocol: string | null = null;
  let hasEcho = false;
  for (const [name, value] of packet?.tokens ?? []) {
    if (!TOLD.has(name)) continue;
    // --log-tcp-sequence is the rule's choice; the identification and sequence of an echo are always printed.
    if (protocol === 'TCP' && (name === 'SEQ' || (name === 'ACK' && value !== null))) continue;
    // LOGEMU prints an identification and a sequence of every ICMP message, 0 of those that have none.
    if (name === 'TYPE') hasEcho = ECHO.has(`${protocol} ${value}`);
    if (isIcmp(protocol) && !hasEcho && (name === 'ID' || name === 'SEQ')) continue;
    if (name === 'PROTO') protocol = value;
    tokens.push([name, value !== null && (name === 'SRC' || name === 'DST') ? inFull(value) : value]);
  }
  return emit({
    prefix,
    in: input,
    out,
    ...(packet && { packet: { version: packet.version, tokens } }),
    ...(mark !== undefined && { mark }),
  });
}

/** Messages with an identification and a sequence: echoes and their replies. */
const ECHO: ReadonlySet<string> = new Set(['ICMP 0', 'ICMP 8', 'ICMPv6 128', 'ICMPv6 129']);

function isIcmp(protocol: string | null): boolean {
  return protocol === 'ICMP' || protocol === 'ICMPv6';
}

/** An IPv6 address as the kernel logs it, all digits written; any other text as it is. */
function inFull(text: string): string {
  if (!text.includes(':') || text.length > 45) return text;
  const [head, tail] = text.split('::', 2).map((half) => (half === '' ? [] : half.split(':')));
  const missing = tail ? Math.max(0, 8 - head.length - tail.length) : 0;
  const groups = tail ? [...head, ...new Array<string>(missing).fill('0'), ...tail] : head;
  return groups.map((group) => group.padStart(4, '0')).join(':');
}
