import type { IpNetwork } from '../../address/ip.js';
import type { Packet } from '../../packet/packet.js';
import { type Connection, CtStatus, Direction } from '../connection.js';
import type { Context } from '../context.js';
import type { Condition, Field, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { parseUintRange, printUintRange, type UintRange } from '../integers.js';
import { badHostMask, listHostMask, parseHostMask, printHostMask } from '../hostMask.js';
import { bang, type Negatable } from '../negatable.js';
import type { GivenOption, OptionList, OptionSpec } from '../options.js';
import { badPortRange, inRange, parsePortRange, type PortRange, printPortRange } from '../ports.js';
import { parseProtocol, protocolName } from '../protocols.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';
import { formatStates, parseStates, statesOf } from './ctState.js';

/** `struct xt_conntrack_mtinfo3` (linux/netfilter/xt_conntrack.h), in the order in which iptables prints it. */
export interface ConntrackMatch {
  readonly state: Negatable<number> | null;
  readonly protocol: Negatable<number> | null;
  readonly addresses: readonly (Negatable<IpNetwork> & Place)[];
  readonly ports: readonly (Negatable<PortRange> & Place)[];
  readonly status: Negatable<number> | null;
  /** Seconds. */
  readonly expires: Negatable<UintRange> | null;
  readonly direction: Direction | null;
}

/** Where in an entry an option looks. */
interface Place {
  readonly option: string;
  readonly inReply: boolean;
  readonly atSource: boolean;
}

const ADDRESSES: readonly Place[] = [
  { option: 'ctorigsrc', inReply: false, atSource: true },
  { option: 'ctorigdst', inReply: false, atSource: false },
  { option: 'ctreplsrc', inReply: true, atSource: true },
  { option: 'ctrepldst', inReply: true, atSource: false },
];
const PORTS: readonly Place[] = ADDRESSES.map((place) => ({ ...place, option: `${place.option}port` }));

const OPTIONS: readonly OptionSpec[] = [
  { name: '--ctstate', args: 1, negatable: true },
  { name: '--ctproto', args: 1, negatable: true },
  ...[...ADDRESSES, ...PORTS].map(
    ({ option }) => ({ name: `--${option}`, args: 1, negatable: true }) as const,
  ),
  { name: '--ctstatus', args: 1, negatable: true },
  { name: '--ctexpire', args: 1, negatable: true },
  { name: '--ctdir', args: 1 },
];

/** The status bits that have a name, as iptables prints them. */
const STATUSES: readonly (readonly [string, number])[] = [
  ['EXPECTED', CtStatus.expected],
  ['SEEN_REPLY', CtStatus.seenReply],
  ['ASSURED', CtStatus.assured],
  ['CONFIRMED', CtStatus.confirmed],
];
const DIRECTIONS = ['ORIGINAL', 'REPLY'] as const;
const UINT32_MAX = 0xffffffff;

function parse(options: OptionList): ConntrackMatch {
  if (options.given.length === 0) options.error('conntrack: At least one option is required');
  /** Reads an option's argument; what `read` says in words is an error at it. */
  function take<T extends object | number>(
    name: string,
    read: (text: string) => T | string,
  ): Negatable<T> | null {
    const given = options.find(`--${name}`);
    if (!given) return null;
    const value = read(given.args[0].text);
    if (typeof value !== 'string') return { value, negated: given.negated };
    options.error(value, given.args[0]);
    return null;
  }
  const each = <T>(
    places: readonly Place[],
    read: (name: string) => Negatable<T> | null,
  ): (Negatable<T> & Place)[] =>
    places.flatMap((place) => {
      const found = read(place.option);
      return found ? [{ ...found, ...place }] : [];
    });

  return {
    state: take('ctstate', (text) => {
      const bits = parseStates(text, true);
      return typeof bits === 'number' ? bits : `Bad ctstate "${bits.bad}"`;
    }),
    protocol: take('ctproto', (text) => parseProtocol(text) ?? `unknown protocol "${text}" specified`),
    addresses: each(ADDRESSES, (name) =>
      take(
        name,
        (text) =>
          parseHostMask(text, options.version) ??
          badHostMask(text, 'conntrack', `--${name}`, options.version),
      ),
    ),
    ports: each(PORTS, (name) =>
      take(
        name,
        (text) => parsePortRange(word(options, name)) ?? badPortRange(text, 'conntrack', `--${name}`),
      ),
    ),
    status: take('ctstatus', parseStatus),
    expires: take(
      'ctexpire',
      (text) =>
        parseUintRange(text, UINT32_MAX) ?? refusal.badRange('conntrack', '--ctexpire', text, UINT32_MAX),
    ),
    direction: (take('ctdir', parseDirection)?.value as Direction | undefined) ?? null,
  };
}

function word(options: OptionList, name: string): GivenOption['args'][number] {
  return options.find(`--${name}`)!.args[0];
}

function parseStatus(text: string): number | string {
  let bits = 0;
  for (const part of text.split(',')) {
    const name = part.toUpperCase();
    if (name !== '' && 'NONE'.startsWith(name)) continue;
    const found = name === '' ? undefined : STATUSES.find(([known]) => known.startsWith(name));
    if (!found) return `Bad ctstatus "${part}"`;
    bits |= found[1];
  }
  return bits;
}

function parseDirection(text: string): number | string {
  const found = DIRECTIONS.findIndex((name) => name === text.toUpperCase());
  return found >= 0 ? found : refusal.badValue('conntrack', '--ctdir', text);
}

function formatStatus(bits: number): string {
  const names = STATUSES.filter(([, bit]) => bits & bit).map(([name]) => name);
  return names.length ? names.join(',') : 'NONE';
}

/** Option and argument, for iptables-save with dashes and for -L without them. */
function words(data: ConntrackMatch, dashes: '--' | '', address: (network: IpNetwork) => string): string {
  const { state, protocol, addresses, ports, status, expires, direction } = data;
  const part = <T>(name: string, given: Negatable<T> | null, format: (value: T) => string): string[] =>
    given ? [`${bang(given.negated)}${dashes}${name} ${format(given.value)}`] : [];
  return [
    ...part('ctstate', state, formatStates),
    ...part('ctproto', protocol, String),
    ...addresses.flatMap((given) => part(given.option, given, address)),
    ...ports.flatMap((given) => part(given.option, given, printPortRange)),
    ...part('ctstatus', status, formatStatus),
    ...part('ctexpire', expires, printUintRange),
    ...(direction === null ? [] : [`${dashes}ctdir ${DIRECTIONS[direction]}`]),
  ].join(' ');
}

function addressHits(
  { inReply, atSource, value, negated }: ConntrackMatch['addresses'][number],
  connection: Connection,
): boolean {
  const tuple = inReply ? connection.reply : connection.original;
  const inside = atSource
    ? value.contains(tuple.s0, tuple.s1, tuple.s2, tuple.s3)
    : value.contains(tuple.d0, tuple.d1, tuple.d2, tuple.d3);
  return inside !== negated;
}

function portOf({ inReply, atSource }: Place, connection: Connection): number {
  const tuple = inReply ? connection.reply : connection.original;
  return atSource ? tuple.sourcePort : tuple.destinationPort;
}

/** Whole seconds left; an entry that is not confirmed yet has no timer running (`nf_ct_expires()`). */
function secondsLeft(connection: Connection, now: number): number {
  return connection.status & CtStatus.confirmed
    ? Math.max(0, Math.floor((connection.expires - now) / 1e9))
    : 0;
}

/**
 * `conntrack_mt()` (net/netfilter/xt_conntrack.c), revision 3. Without an entry only the state counts, and where
 * none is asked for nothing matches, `!` or not.
 */
function test(data: ConntrackMatch, _packet: Packet, context: Context): Outcome {
  const { connection } = context;
  const { state, protocol, status, expires, direction } = data;
  if (state && ((statesOf(context) & state.value) !== 0) === state.negated) return Outcome.miss;
  if (connection === null) return state ? Outcome.hit : Outcome.miss;
  if (direction !== null && context.ctDirection !== direction) return Outcome.miss;
  for (const given of data.addresses) if (!addressHits(given, connection)) return Outcome.miss;
  if (protocol && (connection.original.protocol === protocol.value) === protocol.negated) return Outcome.miss;
  for (const given of data.ports)
    if (inRange(given.value, portOf(given, connection)) === given.negated) return Outcome.miss;
  if (status && ((connection.status & status.value) !== 0) === status.negated) return Outcome.miss;
  if (expires && inRange(expires.value, secondsLeft(connection, context.now)) === expires.negated)
    return Outcome.miss;
  return Outcome.hit;
}

function explain(data: ConntrackMatch, _packet: Packet, context: Context): Condition[] {
  const { connection } = context;
  const { state, protocol, addresses, ports, status, expires, direction } = data;
  const out: Condition[] = [];
  const seen = statesOf(context);
  if (state) {
    const hit = ((seen & state.value) !== 0) !== state.negated;
    out.push(
      condition('ctstate', 'ct.state', state.negated, formatStates(state.value), formatStates(seen), hit),
    );
  }
  if (connection === null) {
    if (!state)
      out.push(condition('conntrack', 'ct.state', false, 'a connection', formatStates(seen), false));
    return out;
  }
  if (direction !== null) {
    const saw = DIRECTIONS[context.ctDirection];
    const hit = context.ctDirection === direction;
    out.push(condition('ctdir', 'ct.direction', false, DIRECTIONS[direction], saw, hit));
  }
  for (const given of addresses) {
    const tuple = given.inReply ? connection.reply : connection.original;
    const saw = (given.atSource ? tuple.source : tuple.destination).toString();
    const hit = addressHits(given, connection);
    out.push(condition(given.option, 'ct.tuple', given.negated, given.value.toString(), saw, hit));
  }
  if (protocol) {
    const saw = connection.original.protocol;
    const hit = (saw === protocol.value) !== protocol.negated;
    out.push(
      condition(
        'ctproto',
        'ct.tuple',
        protocol.negated,
        protocolName(protocol.value),
        protocolName(saw),
        hit,
      ),
    );
  }
  for (const given of ports) {
    const port = portOf(given, connection);
    const hit = inRange(given.value, port) !== given.negated;
    out.push(
      condition(given.option, 'ct.tuple', given.negated, printPortRange(given.value), String(port), hit),
    );
  }
  if (status) {
    const hit = ((connection.status & status.value) !== 0) !== status.negated;
    const saw = formatStatus(connection.status);
    out.push(condition('ctstatus', 'ct.status', status.negated, formatStatus(status.value), saw, hit));
  }
  if (expires) {
    const left = secondsLeft(connection, context.now);
    const hit = inRange(expires.value, left) !== expires.negated;
    const wanted = `${printUintRange(expires.value)} s`;
    out.push(condition('ctexpire', 'ct.expires', expires.negated, wanted, `${left} s`, hit));
  }
  return out;
}

function reads(data: ConntrackMatch): Field[] {
  const fields: Field[] = ['ct.state'];
  if (data.addresses.length || data.ports.length || data.protocol) fields.push('ct.tuple');
  if (data.status) fields.push('ct.status');
  if (data.expires) fields.push('ct.expires');
  if (data.direction !== null) fields.push('ct.direction');
  return fields;
}

export const conntrack: MatchDefinition<ConntrackMatch, undefined> = {
  name: 'conntrack',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print: (data) => words(data, '--', printHostMask),
  list: (data, numeric) => words(data, '', numeric ? printHostMask : listHostMask),
  reads,
  pure: true,
  common: false,
  tracks: true,
  start: () => undefined,
  test,
  explain,
};
