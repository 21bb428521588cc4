import type { IpNetwork } from '../../address/ip.js';
import type { InterfacePattern } from '../../address/interface.js';
import { type Direction, Direction as Directions } from '../../rules/connection.js';
import type { IcmpMatch } from '../../rules/matches/icmp.js';
import type { IpMatch } from '../../rules/matches/ip.js';
import type { IprangeMatch } from '../../rules/matches/iprange.js';
import type { MarkMatch } from '../../rules/matches/mark.js';
import type { MultiportMatch } from '../../rules/matches/multiport.js';
import type { TcpMatch } from '../../rules/matches/tcp.js';
import type { TtlMatch } from '../../rules/matches/ttl.js';
import type { UdpMatch } from '../../rules/matches/udp.js';
import type { LengthMatch } from '../../rules/matches/length.js';
import type { ConntrackMatch } from '../../rules/matches/conntrack.js';
import type { StateMatch } from '../../rules/matches/state.js';
import type { MatchStep, Rule, Step } from '../../rules/model.js';
import type { Negatable } from '../../rules/negatable.js';
import type { PortRange } from '../../rules/ports.js';
import {
  complement,
  type Interval,
  LAST_NAME,
  addressNumber,
  names,
  numbers,
  passing,
  union,
} from './intervals.js';
import type { Limit, Limits } from './limit.js';
import { nftLimits } from './nftLimits.js';

const PORT_MAX = 65535n;
const MARK_MAX = 0xffffffffn;

export function limitsOf(rule: Rule): Limits {
  const version = rule.chain.table.family === 'ip6' ? 6 : 4;
  const parts = rule.steps.map((step) => limitsOfStep(step, version));
  return { known: parts.flatMap((p) => p.known), others: parts.flatMap((p) => p.others) };
}

const NOTHING: Limits = { known: [], others: [] };

/** What one step asks for; nothing where it asks nothing. */
export function limitsOfStep(step: Step, version: 4 | 6): Limits {
  if (step.kind === 'statement') return nftLimits(step.statement, step.text);
  if (step.kind !== 'match' || step.definition.name === 'comment') return NOTHING;
  const known = ofMatch(step, version);
  if (known) return { known, others: [] };
  const { definition, data } = step;
  const said = `-m ${definition.name} ${definition.print(data, version)}`.trimEnd();
  return { known: [], others: [{ said, isPure: definition.pure }] };
}

/** null: something of it is not understood. */
function ofMatch({ definition, data }: MatchStep, version: 4 | 6): Limit[] | null {
  const said = definition.print(data, version);
  switch (definition.name) {
    case 'ip':
      return ofHead(data as IpMatch);
    case 'tcp': {
      const { sourcePort, destinationPort, flags, option } = data as TcpMatch;
      if (option) return null;
      const all = [...ports('sport', sourcePort), ...ports('dport', destinationPort)];
      if (!flags) return all;
      const { mask, set, negated } = flags;
      const allowed = passing(8, (value) => ((value & mask) === set) !== negated);
      return [...all, { field: 'tcp flags', allowed, said: flagWords(said) }];
    }
    case 'udp': {
      const { sourcePort, destinationPort } = data as UdpMatch;
      return [...ports('sport', sourcePort), ...ports('dport', destinationPort)];
    }
    case 'multiport': {
      const { side, ranges, negated } = data as MultiportMatch;
      if (side === 'ports') return null;
      const listed = union(ranges.map(({ min, max }) => numbers(min, max)));
      return [{ field: side.slice(0, -1), allowed: negated ? complement(listed, PORT_MAX) : listed, said }];
    }
    case 'icmp':
    case 'icmp6': {
      const { value, negated } = data as IcmpMatch;
      if (value.type === 255) return [];
      const { type, code } = value;
      const listed = [numbers(type * 256 + (code ?? 0), type * 256 + (code ?? 255))];
      return [{ field: 'icmp type', allowed: negated ? complement(listed, 65535n) : listed, said }];
    }
    case 'length': {
      const { value, negated } = data as LengthMatch;
      const listed = union([numbers(value.min, value.max)]);
      return [{ field: 'length', allowed: negated ? complement(listed, PORT_MAX) : listed, said }];
    }
    case 'ttl':
    case 'hl': {
      const { is, value } = data as TtlMatch;
      const test = { eq: 0, ne: 0, lt: -1, gt: 1 }[is];
      const allowed = passing(8, (ttl) => (is === 'ne' ? ttl !== value : Math.sign(ttl - value) === test));
      return [{ field: definition.name, allowed, said }];
    }
    case 'mark':
      return ofMark(data as MarkMatch, said);
    case 'iprange': {
      const { source, destination } = data as IprangeMatch;
      return (['source', 'destination'] as const).flatMap((field) => {
        const given = field === 'source' ? source : destination;
        if (!given) return [];
        const value = [addressNumber(given.value.first), addressNumber(given.value.last)] as const;
        return addresses(field, { value, negated: given.negated }, said, version);
      });
    }
    case 'state':
      return ofState(data as StateMatch, said);
    case 'conntrack': {
      const {
        state,
        protocol,
        addresses: ends,
        ports: endPorts,
        status,
        expires,
        direction,
      } = data as ConntrackMatch;
      if (protocol !== null || status !== null || expires !== null || ends.length + endPorts.length > 0)
        return null;
      const states = state === null ? [] : ofState(state, said);
      return states && [...states, ...ofDirection(direction, said)];
    }
    default:
      return null;
  }
}

function ofHead({ source, destination, in: into, out, protocol, fragment }: IpMatch): Limit[] | null {
  if (fragment) return null;
  const all: Limit[] = [];
  for (const [field, option, network] of [
    ['source', '-s', source],
    ['destination', '-d', destination],
  ] as const) {
    if (!network) continue;
    const range = rangeOf(network.value);
    if (!range) return null;
    const said = `${network.negated ? '! ' : ''}${option} ${network.value.toString()}`;
    all.push(...addresses(field, { value: range, negated: network.negated }, said, network.value.version));
  }
  for (const [field, option, pattern] of [
    ['in', '-i', into],
    ['out', '-o', out],
  ] as const)
    if (pattern) all.push(interfaceLimit(field, option, pattern));
  if (protocol) {
    const listed = [numbers(protocol.value)];
    const allowed = protocol.negated ? complement(listed, 255n) : listed;
    all.push({ field: 'protocol', allowed, said: `${protocol.negated ? '! ' : ''}-p ${protocol.value}` });
  }
  return all;
}

function interfaceLimit(
  field: string,
  option: string,
  { value, negated }: Negatable<InterfacePattern>,
): Limit {
  const isOpen = value.text.endsWith('+');
  const listed = names(isOpen ? value.text.slice(0, -1) : value.text, isOpen);
  const allowed = negated ? complement(listed, LAST_NAME) : listed;
  return { field, allowed, said: `${negated ? '! ' : ''}${option} ${value.text}` };
}

/** null: the mask is no prefix. */
function rangeOf({ address, prefixLength, version }: IpNetwork): [bigint, bigint] | null {
  if (prefixLength === undefined) return null;
  const first = addressNumber(address);
  return [first, first + (1n << BigInt((version === 4 ? 32 : 128) - prefixLength)) - 1n];
}

function addresses(field: string, given: Negatable<Interval>, said: string, version: 4 | 6): Limit[] {
  const listed = union([given.value]);
  const max = version === 4 ? 0xffffffffn : (1n << 128n) - 1n;
  return [{ field, allowed: given.negated ? complement(listed, max) : listed, said }];
}

function ports(field: 'sport' | 'dport', given: Negatable<PortRange> | null): Limit[] {
  if (!given) return [];
  const {
    value: { min, max },
    negated,
  } = given;
  const listed = union([numbers(min, max)]);
  const said = `${negated ? '! ' : ''}--${field} ${min === max ? min : `${min}:${max}`}`;
  return [{ field, allowed: negated ? complement(listed, PORT_MAX) : listed, said }];
}

function flagWords(said: string): string {
  return /(! )?--(tcp-flags \S+ \S+|syn)/.exec(said)?.[0] ?? said;
}

function ofMark({ mark, mask, negated }: MarkMatch, said: string): Limit[] | null {
  // Bits that the mask hides can never be seen.
  const isImpossible = (mark & ~mask) !== 0;
  if (!isImpossible && mask !== -1) return null;
  const listed = isImpossible ? [] : [numbers(mark >>> 0)];
  return [{ field: 'mark', allowed: negated ? complement(listed, MARK_MAX) : listed, said }];
}

/** The bit of each state in a rule, in the order of CtState; UNTRACKED stands apart (linux/netfilter/xt_conntrack.h). */
const STATE_BITS = [1, 2, 4, 8, 1 << 8];
const NAT_BITS = (1 << 6) | (1 << 7);

/** null: SNAT and DNAT are no states, and hold beside one. */
function ofState({ value, negated }: Negatable<number>, said: string): Limit[] | null {
  if (value & NAT_BITS) return null;
  const states = STATE_BITS.flatMap((bit, i) => (((value & bit) !== 0) !== negated ? [numbers(i)] : []));
  return [{ field: 'state', allowed: union(states), said }];
}

/** An answer is never the first packet of its connection. */
function ofDirection(direction: Direction | null, said: string): Limit[] {
  if (direction === null) return [];
  const limit: Limit = { field: 'direction', allowed: [numbers(direction)], said };
  if (direction === Directions.original) return [limit];
  return [limit, { field: 'state', allowed: union([numbers(0, 2), numbers(4)]), said }];
}
