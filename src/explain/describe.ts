import { addressText } from '../packet/addresses.js';
import { u8 } from '../packet/bytes.js';
import { Protocol } from '../packet/numbers.js';
import type { Packet } from '../packet/packet.js';
import { hasPorts } from '../packet/rewrite.js';
import { protocolName } from '../rules/protocols.js';
import type { Chain, Rule } from '../rules/model.js';
import { Verdict } from '../rules/verdict.js';
import type { PacketNote, RuleReference } from './result.js';

/** `tcp 198.51.100.9:55180 > 172.17.0.2:6379 in eth0 out docker0`: what `why` also takes as a packet in words. */
export function packetText(packet: Packet): string {
  const ports = packet.hasTransport && hasPorts(packet.protocol);
  const end = (side: 'source' | 'destination'): string => {
    const address = addressText(packet, side);
    if (!ports) return address;
    const port = side === 'source' ? packet.sourcePort : packet.destinationPort;
    return packet.version === 6 ? `[${address}]:${port}` : `${address}:${port}`;
  };
  const icmp = packet.protocol === Protocol.icmp || packet.protocol === Protocol.icmpv6;
  const parts = [protocolName(packet.protocol), end('source'), '>', end('destination')];
  if (icmp && packet.hasTransport)
    parts.push(`type ${u8(packet.data, packet.transport)}/${u8(packet.data, packet.transport + 1)}`);
  if (packet.fragmentOffset > 0) parts.push(`fragment ${packet.fragmentOffset}`);
  if (packet.in) parts.push(`in ${packet.in.name}`);
  if (packet.out) parts.push(`out ${packet.out.name}`);
  return parts.join(' ');
}

export function packetNote(packet: Packet): PacketNote {
  return { frame: packet.frame, time: packet.time, packet: packetText(packet) };
}

const REFERENCES = new WeakMap<Rule, RuleReference>();

/** The same object each time: the rules of a chain are numbered once, when the first is asked for. */
export function referenceTo(rule: Rule): RuleReference {
  const known = REFERENCES.get(rule);
  if (known) return known;
  const chain = chainAddress(rule.chain);
  rule.chain.rules.forEach((r, i) => REFERENCES.set(r, reference(r, `${chain}:${i + 1}`)));
  return REFERENCES.get(rule) ?? reference(rule, `${chain}:?`);
}

function reference({ chain, text, position }: Rule, address: string): RuleReference {
  const said = chain.table.nft ? text : `-A ${chain.name}${text === '' ? '' : ` ${text}`}`;
  return { address, text: said, file: position?.file ?? null, line: position?.line ?? null };
}

/** `filter:FORWARD`, `ip6:nat:DOCKER`; of nft `ip:nat:postrouting`. */
export function chainAddress({ table, name }: Chain): string {
  return `${table.family === 'ip' && !table.nft ? '' : `${table.family}:`}${table.name}:${name}`;
}

export function policyReference(chain: Chain): RuleReference {
  const policy = chain.base?.policy ?? 'accept';
  return {
    address: `${chainAddress(chain)}:policy`,
    text: chain.table.nft ? `policy ${policy}` : `-P ${chain.name} ${policy.toUpperCase()}`,
    file: null,
    line: null,
  };
}

const VERDICTS = new Map<number, string>([
  [Verdict.drop, 'DROP'],
  [Verdict.accept, 'ACCEPT'],
  [Verdict.stolen, 'STOLEN'],
  [Verdict.queue, 'QUEUE'],
  [Verdict.return, 'RETURN'],
  [Verdict.continue, 'CONTINUE'],
]);

export function verdictName(verdict: Verdict): string {
  return VERDICTS.get(verdict) ?? String(verdict);
}
