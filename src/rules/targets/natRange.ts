import { type IpAddress, parseAddress } from '../../address/ip.js';
import { Protocol } from '../../packet/numbers.js';
import type { NatRange } from '../context.js';
import { leadingUint } from '../integers.js';
import type { OptionList, OptionSpec, Word } from '../options.js';
import { parsePort } from '../ports.js';
import { words } from './reading.js';

/** The flags of `struct nf_nat_range2`, in the order in which they are printed. */
export const RANDOM: OptionSpec = { name: '--random', args: 0 };
export const RANDOM_FULLY: OptionSpec = { name: '--random-fully', args: 0 };
export const PERSISTENT: OptionSpec = { name: '--persistent', args: 0 };

const NOTHING = { minAddress: null, maxAddress: null, minPort: null, maxPort: null } as const;

type Ports = Pick<NatRange, 'minPort' | 'maxPort' | 'basePort'>;
type Addresses = Pick<NatRange, 'minAddress' | 'maxAddress'>;

function flags(options: OptionList): Pick<NatRange, 'random' | 'fullyRandom' | 'persistent'> {
  return {
    random: options.has('--random'),
    fullyRandom: options.has('--random-fully'),
    persistent: options.has('--persistent'),
  };
}

/** iptables takes ports for these only, negated ones too; ICMP has its id there. */
function needsPorts(options: OptionList, word: Word): boolean {
  const { tcp, udp, sctp, dccp, icmp } = Protocol;
  const given = options.protocol ?? options.negatedProtocol;
  if (([tcp, udp, sctp, dccp, icmp] as (number | null)[]).includes(given)) return true;
  options.error('Need TCP, UDP, SCTP or DCCP with port specification', word);
  return false;
}

/** The port that a text begins with, and what follows it. */
function leadingPort(text: string): ReturnType<typeof leadingUint> {
  return leadingUint(text, 0xffff);
}

/**
 * `port`, `port-port` or `port-port/base`; a service's name stands for a single port and for a base only, as
 * libxt_NAT of iptables 1.8.9 reads them.
 * @param word where to complain
 */
function parsePorts(
  options: OptionList,
  text: string,
  word: Word,
  base: 'taken' | 'zeroed' | 'refused',
): Ports {
  const wrong = (message: string): Ports => {
    options.error(message, word);
    return { minPort: null, maxPort: null };
  };
  const low = leadingPort(text);
  const minPort = low?.value ?? parsePort(text);
  if (minPort === undefined) return wrong(`Port \`${text}' not valid`);
  if (!low || low.rest === '') return { minPort, maxPort: minPort };
  if (low.rest.startsWith(':')) return wrong('Invalid port:port syntax - use dash');
  if (!low.rest.startsWith('-')) return wrong(`Garbage after port value: \`${low.rest}'`);
  const end = low.rest.slice(1);
  const high = leadingPort(end);
  if (!high) return wrong(`Port \`${end}' not valid`);
  if (high.value < minPort) return wrong(`Port range \`${end}' funky`);
  if (high.rest === '') return { minPort, maxPort: high.value };
  if (!high.rest.startsWith('/')) return wrong(`Garbage after port range: \`${high.rest}'`);
  if (base === 'refused') return wrong('Shifted portmap ranges not supported with this kernel');
  const shift = high.rest.slice(1);
  const leadingBase = leadingPort(shift);
  const basePort = leadingBase?.value ?? parsePort(shift);
  // What was saved of SNAT is taken, though iptables refuses its own 0.
  if (basePort === undefined || (basePort === 0 && base === 'taken'))
    return wrong(`Port \`${shift}' not valid`);
  // iptables 1.8.9 sets the flag for SNAT and forgets the value.
  return { minPort, maxPort: high.value, basePort: base === 'taken' ? basePort : 0 };
}

function parseAddresses(options: OptionList, text: string, word: Word): Addresses {
  const dash = text.indexOf('-');
  const read = (part: string): IpAddress | null => {
    const address = parseAddress(part);
    if (address?.version === options.version) return address;
    options.error(`Bad IP address "${part}"`, word);
    return null;
  };
  const minAddress = read(dash < 0 ? text : text.slice(0, dash));
  const maxAddress = dash < 0 || !minAddress ? minAddress : read(text.slice(dash + 1));
  return { minAddress, maxAddress };
}

/** The address part and the port part of `--to-…`; null where the brackets do not close. */
function split(text: string, version: 4 | 6): { addresses: string; ports: string | null } | null {
  const open = version === 6 ? text.indexOf('[') : -1;
  if (open >= 0) {
    const close = text.indexOf(']', open);
    if (close < 0) return null;
    const colon = text.indexOf(':', close);
    return { addresses: text.slice(open + 1, close), ports: colon < 0 ? null : text.slice(colon + 1) };
  }
  const colon = text.indexOf(':');
  // One colon stands before a port; more make it an address, in IPv4 too.
  if (colon < 0 || text.includes(':', colon + 1)) return { addresses: text, ports: null };
  return { addresses: text.slice(0, colon), ports: text.slice(colon + 1) };
}

/** What DNAT's `--to-destination` and SNAT's `--to-source` say, flags included. */
export function parseNatRange(options: OptionList, name: string, base: 'taken' | 'zeroed'): NatRange {
  const word = options.find(name)?.args[0];
  if (!word) return NOTHING;
  const parts = split(word.text, options.version);
  if (!parts) {
    options.error('Invalid address format', word);
    return NOTHING;
  }
  const ports =
    parts.ports !== null && needsPorts(options, word)
      ? parsePorts(options, parts.ports, word, base)
      : { minPort: null, maxPort: null };
  const addresses =
    parts.addresses === '' && parts.ports !== null
      ? { minAddress: null, maxAddress: null }
      : parseAddresses(options, parts.addresses, word);
  return { ...addresses, ...ports, ...flags(options) };
}

/** What `--to-ports` of MASQUERADE and REDIRECT says, flags included. */
export function parsePortsOnly(options: OptionList): NatRange {
  const word = options.find('--to-ports')?.args[0];
  const ports = word && needsPorts(options, word) ? parsePorts(options, word.text, word, 'refused') : NOTHING;
  return { ...NOTHING, ...ports, ...flags(options) };
}

export function printPorts({ minPort, maxPort, basePort }: NatRange): string {
  if (minPort === null) return '';
  const range = maxPort === minPort ? String(minPort) : `${minPort}-${maxPort}`;
  return (basePort ?? null) === null ? range : `${range}/${basePort}`;
}

export function printAddresses(range: NatRange, version: 4 | 6): string {
  const { minAddress, maxAddress } = range;
  const addresses = !minAddress
    ? ''
    : !maxAddress || maxAddress.equals(minAddress)
      ? minAddress.toString()
      : `${minAddress.toString()}-${maxAddress.toString()}`;
  if (range.minPort === null) return addresses;
  const bracketed = version === 6 && addresses !== '' ? `[${addresses}]` : addresses;
  return `${bracketed}:${printPorts(range)}`;
}

/** @param dashes `--` for iptables-save, nothing for -L */
export function printFlags(range: NatRange, dashes: '--' | ''): string {
  return words(
    range.random === true && `${dashes}random`,
    range.fullyRandom === true && `${dashes}random-fully`,
    range.persistent === true && `${dashes}persistent`,
  );
}
