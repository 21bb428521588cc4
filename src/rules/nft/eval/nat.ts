import { addressOf } from '../../../packet/addresses.js';
import { type Context, Manip, type NatRange } from '../../context.js';
import { Verdict } from '../../verdict.js';
import type { Expression, Nat } from '../model.js';
import type { Way } from './evidence.js';
import { elementReader, type Lookup, reader } from './expression.js';
import { Flow, type RunningStatement, type StatementResult } from './result.js';
import type { Element } from './set.js';
import { type Interval, patternsOf, toAddress } from './value.js';
import type { Packet } from '../../../packet/packet.js';

/** The fields of an expression as ranges; undefined and null as for values. */
type RangesReader = (packet: Packet, context: Context) => readonly Interval[] | undefined | null;

function rangesOf(constant: Expression): readonly Interval[] | null {
  const ranges: Interval[] = [];
  for (const pattern of patternsOf(constant) ?? []) {
    if (pattern.kind === 'value') ranges.push({ from: pattern.value, to: pattern.value });
    else if (pattern.kind === 'interval') ranges.push(pattern);
    else return null;
  }
  return ranges.length > 0 ? ranges : null;
}

function manipOf({ nat: kind }: Nat): Manip {
  return kind === 'snat' || kind === 'masquerade' ? Manip.source : Manip.destination;
}

/** What a statement with constants translates to; none where it looks them up. */
export function waysOf(statement: Nat): readonly Way[] {
  const addresses = statement.address ? rangesOf(statement.address) : [];
  const ports = statement.port ? rangesOf(statement.port) : [];
  if (!addresses || !ports || addresses.length + ports.length === 0) return [];
  return [{ manip: manipOf(statement), range: rangeOf(statement, addresses, ports) }];
}

function rangesReader(
  expression: Expression | null,
  lookup: Lookup,
  ways?: (element: Element) => readonly Way[],
): RangesReader {
  if (!expression) return () => [];
  const constant = rangesOf(expression);
  if (constant) return () => constant;
  if (expression.kind === 'map') {
    const find = elementReader(expression.key, expression.map, lookup, undefined, ways);
    return (packet, context) => {
      const element = find(packet, context);
      if (!element) return element;
      return element.source.data && rangesOf(element.source.data);
    };
  }
  const read = reader(expression, lookup);
  return (packet, context) => {
    const value = read(packet, context);
    if (value === undefined || value === null) return value;
    return (typeof value === 'object' ? value : [value]).map((v) => ({ from: v, to: v }));
  };
}

/** What a statement puts into `struct nf_nat_range2`. */
function rangeOf(statement: Nat, addresses: readonly Interval[], ports: readonly Interval[]): NatRange {
  const [address, joined] = addresses;
  const port = ports.length > 0 ? ports[0] : joined;
  const number = (value: Interval['from'] | undefined): number | null =>
    value === undefined ? null : Number(value);
  return {
    minAddress: address ? toAddress(address.from) : null,
    maxAddress: address ? toAddress(address.to) : null,
    minPort: number(port?.from),
    maxPort: number(port?.to),
    random: statement.flags.includes('random'),
    fullyRandom: statement.flags.includes('fully-random'),
    persistent: statement.flags.includes('persistent'),
    netmap: statement.prefix,
  };
}

/** `nft_nat_eval()`, `nft_masq_eval()`, `nft_redir_eval()`. */
export function nat(statement: Nat, lookup: Lookup): RunningStatement {
  const ways = ({ source: { data } }: Element): readonly Way[] => {
    const addresses = data && rangesOf(data);
    return addresses ? [{ manip, range: rangeOf(statement, addresses, []) }] : [];
  };
  const readAddresses = rangesReader(statement.address, lookup, ways);
  const readPorts = rangesReader(statement.port, lookup);
  const manip = manipOf(statement);
  const version = statement.family === null ? null : statement.family === 'ip' ? 4 : 6;
  return {
    statement,
    run(packet, context): StatementResult {
      if (version !== null && version !== packet.version) return Flow.break;
      const addresses = readAddresses(packet, context);
      const ports = addresses && readPorts(packet, context);
      if (!addresses || !ports) return addresses === null || ports === null ? Flow.unknown : Flow.break;
      const range = rangeOf(statement, addresses, ports);
      if (range.minAddress && range.minAddress.version !== packet.version) return Flow.break;
      const whole =
        statement.nat === 'masquerade' || statement.nat === 'redirect'
          ? ofInterface(statement.nat, range, packet, context)
          : range;
      if (typeof whole === 'number') return whole;
      return context.setupNat(packet, manip, whole) ? Verdict.accept : Verdict.drop;
    },
  };
}

/** `nf_nat_masquerade_ipv4()`, `nf_nat_redirect_ipv4()` and their siblings: without an address the packet is dropped. */
function ofInterface(
  kind: 'masquerade' | 'redirect',
  range: NatRange,
  packet: Packet,
  context: Context,
): NatRange | Verdict {
  const masquerade = kind === 'masquerade';
  if (masquerade && packet.version === 4 && addressOf(packet, 'source').a === 0) return Verdict.accept;
  const address = context.interfaceAddress(packet, masquerade ? 'MASQUERADE' : 'REDIRECT');
  if (!address) return Verdict.drop;
  return { ...range, minAddress: address, maxAddress: address, masquerade };
}
