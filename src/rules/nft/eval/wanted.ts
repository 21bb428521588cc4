import { IpNetwork } from '../../../address/ip.js';
import type { PortRange } from '../../ports.js';
import type { Wanted } from '../../wanted.js';
import type { Constant, Expression, Payload, Statement } from '../model.js';

/** Protocols whose `sport` and `dport` are read from packets of that protocol alone; `th` is read from any. */
const PORTED: ReadonlySet<string> = new Set(['tcp', 'udp', 'udplite', 'sctp']);

/** What a test wants of a packet, for an index; null where it may come to something else than a hit or a miss. */
export function wantedBy(statement: Statement): readonly Wanted[] | null {
  if (statement.kind !== 'match' || statement.operator !== '==') return null;
  const { left, right } = statement;
  const values = valuesOf(right);
  if (!values) return null;
  switch (left.kind) {
    case 'payload':
      return wantedPayload(left, values);
    case 'meta': {
      const [value] = values;
      if (values.length !== 1) return null;
      if (left.key === 'l4proto' && value.kind === 'integer')
        return [{ field: 'ip.protocol', protocol: value.value }];
      if ((left.key === 'iifname' || left.key === 'oifname') && value.kind === 'string' && !value.wildcard)
        return [{ field: left.key === 'iifname' ? 'in' : 'out', name: value.value }];
      return null;
    }
    default:
      return null;
  }
}

/** The constants of which one must be met; null where they are not known before. */
function valuesOf(right: Expression): readonly Expression[] | null {
  if (right.kind !== 'set') return [right];
  return right.elements.every((element) => element.statements.length === 0)
    ? right.elements.map((element) => element.key)
    : null;
}

function wantedPayload(
  { protocol, field }: Payload,
  values: readonly Expression[],
): readonly Wanted[] | null {
  if ((protocol === 'ip' || protocol === 'ip6') && (field === 'saddr' || field === 'daddr')) {
    const networks = values.map(networkOf);
    if (!networks.every((network) => network !== null)) return null;
    return [{ field: field === 'saddr' ? 'ip.source' : 'ip.destination', networks }];
  }
  if (protocol !== null && PORTED.has(protocol) && (field === 'sport' || field === 'dport')) {
    const ranges = values.map(portsOf);
    if (!ranges.every((range) => range !== null)) return null;
    return [{ field: field === 'sport' ? 'sourcePort' : 'destinationPort', ranges }];
  }
  return null;
}

function networkOf(value: Expression): IpNetwork | null {
  if (value.kind === 'address')
    return IpNetwork.ofPrefix(value.address, value.address.version === 4 ? 32 : 128);
  if (value.kind === 'prefix' && value.base.kind === 'address')
    return IpNetwork.ofPrefix(value.base.address, value.length);
  return null;
}

function portsOf(value: Expression): PortRange | null {
  const number = (constant: Constant | Expression): number =>
    constant.kind === 'integer' ? constant.value : NaN;
  const [min, max] =
    value.kind === 'range' ? [number(value.from), number(value.to)] : [number(value), number(value)];
  return min >= 0 && max <= 0xffff ? { min, max } : null;
}
