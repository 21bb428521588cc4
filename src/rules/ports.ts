import { parseUint } from './integers.js';
import type { Negatable } from './negatable.js';
import type { Word } from './options.js';
import { serviceName, servicePort } from './services.js';

/** An inclusive range of ports, as `min:max`, `:max`, `min:` or one number. */
export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/**
 * A port number, as libxtables reads one (`xtables_service_to_port()` or a number in C's notation), or a service name;
 * undefined where it is neither.
 * @param protocol whose services are meant; null: any
 */
export function parsePort(text: string, protocol: number | null = null): number | undefined {
  return parseUint(text, 65535) ?? servicePort(text, protocol);
}

/**
 * One end of a range of -m udp, dccp and conntrack. It goes through getaddrinfo(3), which reads numbers as decimal, takes
 * nothing for 0 and a name of any protocol, and leaves to others that a port has 16 bits: 70000 is 4464 (`xtables_parse_port()` of libxtables).
 */
function parseEnd(text: string): number | undefined {
  return /^\s*\d{0,15}$/.test(text) ? Number(text) % 65536 : servicePort(text, null);
}

/** `min:max` with either side left out, as -m udp, dccp and conntrack take it; where the first is above the second it contains nothing. */
export function parsePortRange(word: Word): PortRange | undefined {
  const [low, high, more] = word.text.split(':');
  if (more !== undefined) return undefined;
  const min = parseEnd(low);
  const max = high === undefined ? min : high === '' ? 65535 : parseEnd(high);
  if (min === undefined || max === undefined) return undefined;
  return { min, max };
}

/**
 * The same as -m tcp and sctp take it (`parse_tcp_ports()` of libxt_tcp).
 * @returns what iptables says, where it is none
 */
export function parsePortsOf(text: string, protocol: number): PortRange | string {
  const [low, high] = text.split(/:(.*)/s, 2);
  const min = low === '' && high !== undefined ? 0 : parsePort(low, protocol);
  const max = high === undefined ? min : high === '' ? 65535 : parsePort(high, protocol);
  if (min === undefined) return badPort(low);
  if (max === undefined) return badPort(high);
  return min > max ? 'invalid portrange (min > max)' : { min, max };
}

/** What iptables says of a port that `parsePort` does not take. */
export function badPort(text: string): string {
  return `invalid port/service \`${text}' specified`;
}

/** What iptables says about a range that `parsePortRange` does not take. */
export function badPortRange(text: string, extension: string, option: string): string {
  const parts = text.split(':');
  if (parts.length > 2) return `${extension}: Too many components for option "${option}" (max: 2)`;
  const unknown = parts.find((part) => parseEnd(part) === undefined) ?? text;
  return `Port "${unknown}" does not resolve to anything.`;
}

export function printPortRange({ min, max }: PortRange): string {
  return min === max ? String(min) : `${min}:${max}`;
}

/** Every port: what -m tcp and udp do not print. */
export function isAnyPort({ min, max }: PortRange): boolean {
  return min === 0 && max === 65535;
}

export function inRange({ min, max }: PortRange, port: number): boolean {
  return port >= min && port <= max;
}

/**
 * `dpt:80`, `dpts:!80:90`, as -L prints it after -m tcp and udp.
 * @param protocol whose service names to print; null: numbers (-n)
 */
export function listPortRange(
  word: string,
  { value: { min, max }, negated }: Negatable<PortRange>,
  protocol: number | null,
): string {
  const name = (port: number): string => (protocol === null ? String(port) : serviceName(port, protocol));
  const ports = min === max ? name(min) : `${name(min)}:${name(max)}`;
  return `${word}${min === max ? '' : 's'}:${negated ? '!' : ''}${ports}`;
}
