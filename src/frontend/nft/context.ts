import type { Family } from '../../rules/model.js';
import type { Expression, KeyField, Statement } from '../../rules/nft/model.js';
import { headerOf, headerProtocol } from './headers.js';

const NFPROTO = { ipv4: 2, ipv6: 10 };
const ETHERTYPE = { ip: 0x800, arp: 0x806, ip6: 0x86dd };

/**
 * Stands among headers for options of TCP: reading one demands no protocol (`expr_evaluate_exthdr()`, src/evaluate.c),
 * packets that are not TCP have none.
 */
export const TCP_OPTION = 'tcp option';

/** The payloads that an expression reads, in order. */
export function headersIn(expression: Expression): string[] {
  switch (expression.kind) {
    case 'payload':
      return expression.protocol === null ? [] : [expression.protocol];
    case 'tcpOption':
      return [TCP_OPTION];
    case 'sctpChunk':
      return ['sctp'];
    case 'ipOption':
      return ['ip'];
    case 'exthdr':
      return ['ip6'];
    case 'binary':
      return [...headersIn(expression.left), ...headersIn(expression.right)];
    case 'concat':
      return expression.parts.flatMap(headersIn);
    case 'map':
      return headersIn(expression.key);
    case 'hash':
      return expression.expression ? headersIn(expression.expression) : [];
    default:
      return [];
  }
}

/** What a match that compares a protocol number with a single value says about the packet. */
export function protocolOf(
  statement: Statement,
): { layer: 'network' | 'transport'; value: number } | undefined {
  if (statement.kind !== 'match' || statement.operator !== '==' || statement.right.kind !== 'integer')
    return undefined;
  const { left, right } = statement;
  if (left.kind === 'meta') {
    if (left.key === 'l4proto') return { layer: 'transport', value: right.value };
    if (left.key === 'nfproto') return { layer: 'network', value: right.value };
    if (left.key === 'protocol')
      return {
        layer: 'network',
        value:
          right.value === ETHERTYPE.ip
            ? NFPROTO.ipv4
            : right.value === ETHERTYPE.ip6
              ? NFPROTO.ipv6
              : -right.value,
      };
  }
  if (left.kind === 'ct' && left.key === 'l3proto') return { layer: 'network', value: right.value };
  if (left.kind === 'payload') {
    if (left.protocol === 'ip' && left.field === 'protocol')
      return { layer: 'transport', value: right.value };
    if (left.protocol === 'ip6' && left.field === 'nexthdr')
      return { layer: 'transport', value: right.value };
    if ((left.protocol === 'ether' || left.protocol === 'vlan') && left.field === 'type')
      return {
        layer: 'network',
        value:
          right.value === ETHERTYPE.ip
            ? NFPROTO.ipv4
            : right.value === ETHERTYPE.ip6
              ? NFPROTO.ipv6
              : -right.value,
      };
  }
  return undefined;
}

const LAYER_3 = new Set(['ip', 'ip6']);

/** What is known about the packets that get to the statement being read. */
export class RuleContext {
  private network: 'ip' | 'ip6' | null;
  /** IP protocol numbers that may be; null: any. */
  private transport: number | null = null;
  /** A set of transport protocols was compared before. */
  anyTransport = false;
  /** The only type of ICMP that the packets may have, where one was compared. */
  icmpType: number | null = null;
  /** The packets are of an Ethernet type that is neither version of IP. */
  private otherEthertype = false;
  /** A field of IP was read where the packets may be of anything, so that they have no tag. */
  private readsNetwork = false;

  constructor(
    readonly family: Family,
    /** The fields of a map's data, by the map's name in this table. */
    readonly mapData: (name: string) => readonly KeyField[] | undefined = () => undefined,
    /** nft listed the rule: it was not written by hand. */
    readonly listed = false,
  ) {
    this.network = family === 'ip' || family === 'ip6' ? family : null;
  }

  addressFamily(): 'ip' | 'ip6' | null {
    return this.network;
  }

  networkHeader(): 'ip' | 'ip6' | 'arp' | undefined {
    return this.family === 'arp' ? 'arp' : (this.network ?? undefined);
  }

  isOtherEthertype(): boolean {
    return this.otherEthertype;
  }

  /** Whether the table is of the other version of IP. */
  isOtherFamily(version: 'ip' | 'ip6'): boolean {
    return (this.family === 'ip' || this.family === 'ip6') && this.family !== version;
  }

  /** Whether a rule has said which transport protocols its packets have. */
  knowsTransport(): boolean {
    return this.transport !== null || this.anyTransport;
  }

  transportProtocol(): number | null {
    return this.transport;
  }

  transportHeader(): string | undefined {
    return this.transport === null ? undefined : headerOf(this.transport);
  }

  /** What stands against reading this header here, in nft's words; it is known from then on. */
  enter(header: string): string | undefined {
    const { family } = this;
    if (header === 'arp' && family !== 'arp' && family !== 'bridge' && family !== 'netdev')
      return `conflicting protocols specified: ${family} vs. arp`;
    if (family === 'arp' && LAYER_3.has(header)) return `conflicting protocols specified: arp vs. ${header}`;
    if (header === 'vlan' && this.readsNetwork) return 'conflicting protocols specified: ether vs. vlan';
    if (header === 'ip' || header === 'ip6') {
      if (this.network !== null && this.network !== header)
        return `conflicting protocols specified: ${this.network} vs. ${header}`;
      this.network = header;
      this.readsNetwork = family === 'bridge' || family === 'netdev';
      return undefined;
    }
    const protocol = headerProtocol(header);
    if (protocol === null) return undefined;
    if (family === 'arp') return `conflicting protocols specified: arp vs. ${header}`;
    // Of a protocol without a header of its own in nft nothing is known.
    if (this.transport !== null && this.transport !== protocol && this.transportHeader() !== undefined)
      return `conflicting protocols specified: ${this.transportHeader() ?? String(this.transport)} vs. ${header}`;
    this.transport = protocol;
    return undefined;
  }

  /** Learns from a whole statement that has been read. */
  learn(statement: Statement): void {
    const said = protocolOf(statement);
    if (said?.layer === 'transport') this.transport = said.value;
    if (said?.layer === 'network' && said.value === -ETHERTYPE.arp) this.otherEthertype = true;
    if (said?.layer === 'network' && this.network === null)
      this.network = said.value === NFPROTO.ipv4 ? 'ip' : said.value === NFPROTO.ipv6 ? 'ip6' : null;
    if (statement.kind !== 'match') return;
    const { left, right } = statement;
    if (left.kind === 'ct' && left.key === 'protocol' && right.kind === 'integer')
      this.transport = right.value;
    const namesTransport =
      (left.kind === 'meta' && left.key === 'l4proto') ||
      (left.kind === 'payload' && left.type === 'inet_proto');
    if (namesTransport && right.kind === 'set') this.anyTransport = true;
    if (
      left.kind === 'payload' &&
      (left.protocol === 'icmp' || left.protocol === 'icmpv6') &&
      left.field === 'type' &&
      statement.operator === '==' &&
      right.kind === 'integer'
    )
      this.icmpType = right.value;
  }
}
