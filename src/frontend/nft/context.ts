import { EtherType } from '../../packet/numbers.js';
import type { Family } from '../../rules/model.js';
import type { Expression, KeyField, Statement } from '../../rules/nft/model.js';
import { headerOf, headerProtocol } from './headers.js';

/** What `protocolOf` says of the network layer: a version of IP by its NFPROTO (linux/netfilter.h), else less its Ethernet type. */
export const NetworkProtocol = { ip: 2, ip6: 10, arp: -EtherType.arp, vlan: -EtherType.vlan } as const;

function networkProtocol(etherType: number): number {
  if (etherType === EtherType.ipv4) return NetworkProtocol.ip;
  return etherType === EtherType.ipv6 ? NetworkProtocol.ip6 : -etherType;
}

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
    case 'inner':
      return expression.outer === null ? [] : ['gre'];
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
    if (left.key === 'protocol') return { layer: 'network', value: networkProtocol(right.value) };
  }
  if (left.kind === 'ct' && left.key === 'l3proto') return { layer: 'network', value: right.value };
  if (left.kind === 'payload') {
    if (left.protocol === 'ip' && left.field === 'protocol')
      return { layer: 'transport', value: right.value };
    if (left.protocol === 'ip6' && left.field === 'nexthdr')
      return { layer: 'transport', value: right.value };
    if ((left.protocol === 'ether' || left.protocol === 'vlan') && left.field === 'type')
      return { layer: 'network', value: networkProtocol(right.value) };
  }
  return undefined;
}

const LAYER_3 = new Set(['ip', 'ip6']);
/** What nft knows of Ethernet types; a tag is one only where the packet's own type was asked for. */
const NETWORKS = new Map<number, Network>([
  [NetworkProtocol.ip, 'ip'],
  [NetworkProtocol.ip6, 'ip6'],
  [NetworkProtocol.arp, 'arp'],
  [NetworkProtocol.vlan, 'vlan'],
]);

/** Headers that only one version of IP has. */
const MESSAGES = new Map<string, Network>([
  ['icmp', 'ip'],
  ['igmp', 'ip'],
  ['icmpv6', 'ip6'],
]);

type Network = 'ip' | 'ip6' | 'arp' | 'vlan' | 'unknown';

/** What is known about the packets that get to the statement being read. */
export class RuleContext {
  private network: Network | null;
  /** IP protocol numbers that may be; null: any. */
  private transport: number | null = null;
  /** The transport protocols that were asked for, all of which stand against another (`proto_ctx_update()`, src/proto.c). */
  private readonly transports: number[] = [];
  /** A set of transport protocols was compared before. */
  anyTransport = false;
  /** The only type of ICMP that the packets may have, where one was compared. */
  icmpType: number | null = null;
  /** The packets are tagged: what comes behind the tag may be anything yet. */
  private isTagged = false;
  /** An Ethernet type other than a tag's was compared. */
  private hasType = false;
  /** A field of Ethernet was read. */
  private readsLink = false;
  /** The fields of a set's key, by its name in this table. */
  setKey: (name: string) => readonly KeyField[] | undefined = () => undefined;
  /** Whether a map, by its name in this table, gives intervals. */
  mapsToIntervals: (name: string) => boolean = () => false;
  /** Reads the chain without a name that begins here, and gives it one. */
  bindChain: (() => string) | null = null;

  /** What is known about what a tunnel's packets carry. */
  private carried: RuleContext | null = null;

  constructor(
    readonly family: Family,
    /** The fields of a map's data, by the map's name in this table. */
    readonly mapData: (name: string) => readonly KeyField[] | undefined = () => undefined,
    /** nft listed the rule: it was not written by hand. */
    readonly listed = false,
  ) {
    this.network = family === 'ip' || family === 'ip6' || family === 'arp' ? family : null;
  }

  /** For the same rule, of which nothing is known yet. */
  anew(): RuleContext {
    const context = new RuleContext(this.family, this.mapData, this.listed);
    context.setKey = this.setKey;
    context.bindChain = this.bindChain;
    return context;
  }

  inTunnel(): RuleContext {
    return (this.carried ??= new RuleContext('netdev', this.mapData, this.listed));
  }

  /** Whether the frames are known to have a VLAN tag. */
  hasTag(): boolean {
    return this.isTagged;
  }

  addressFamily(): 'ip' | 'ip6' | null {
    return this.network === 'ip' || this.network === 'ip6' ? this.network : null;
  }

  networkHeader(): Network | undefined {
    return this.network ?? undefined;
  }

  /** The link layer's header, where nft knows it: on a bridge, or once a field of it was read. */
  linkHeader(): 'ether' | undefined {
    return this.family === 'bridge' || this.readsLink ? 'ether' : undefined;
  }

  /** Whether the packets are of something that is no version of IP. */
  isOtherEthertype(): boolean {
    return this.network !== null && !LAYER_3.has(this.network);
  }

  /** Whether the table is of the other version of IP. */
  isOtherTable(version: 'ip' | 'ip6'): boolean {
    return (this.family === 'ip' || this.family === 'ip6') && this.family !== version;
  }

  /** Whether the packets are known to be of something else than this version of IP. */
  isOtherFamily(version: 'ip' | 'ip6'): boolean {
    return this.network !== null && this.network !== version && !this.listed;
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
    if (header === 'ether' || header === 'vlan') this.readsLink = true;
    if (header === 'arp' && family !== 'arp' && family !== 'bridge' && family !== 'netdev')
      return `conflicting protocols specified: ${family} vs. arp`;
    if (family === 'arp' && LAYER_3.has(header)) return `conflicting protocols specified: arp vs. ${header}`;
    if (header === 'vlan' && this.isUntagged()) return 'conflicting protocols specified: ether vs. vlan';
    if (header === 'vlan') this.isTagged = true;
    if (header === 'ip' || header === 'ip6' || header === 'arp') {
      if (this.network !== null && this.network !== header)
        return `conflicting protocols specified: ${this.network} vs. ${header}`;
      this.network = header;
      return undefined;
    }
    const protocol = headerProtocol(header);
    if (protocol === null) return undefined;
    if (this.isOtherEthertype()) return `conflicting protocols specified: ${this.network} vs. ${header}`;
    const other = this.otherTransport(protocol);
    if (other !== undefined) return `conflicting protocols specified: ${other} vs. ${header}`;
    this.transport = protocol;
    this.transports.push(protocol);
    // nft asks for the version that alone has such messages.
    this.network ??= MESSAGES.get(header) ?? null;
    return undefined;
  }

  private isUntagged(): boolean {
    if (this.isTagged) return false;
    const { family } = this;
    const byFamily = family === 'ip' || family === 'ip6' || family === 'arp';
    return this.hasType || (!byFamily && this.network !== null);
  }

  /** What the packets' transport protocol may be instead, in nft's words. */
  private otherTransport(protocol: number): string | undefined {
    const several = this.transports.find((one) => one !== protocol);
    if (several !== undefined) return headerOf(several) ?? 'unknown';
    if (this.transport === null || this.transport === protocol) return undefined;
    return this.transportHeader() ?? 'unknown';
  }

  /** Learns from a whole statement that has been read. */
  learn(statement: Statement): void {
    const said = protocolOf(statement);
    if (said?.layer === 'transport') this.learnTransport(statement, said.value);
    if (said?.layer === 'network') this.learnNetwork(statement, said.value);
    if (statement.kind !== 'match') return;
    const { left, right } = statement;
    if (left.kind === 'inner') return this.inTunnel().learn({ ...statement, left: left.payload });
    // `ct_expr_pctx_update()`, src/ct.c of nftables: nothing is learnt where the version of IP is not known.
    if (left.kind === 'ct' && left.key === 'protocol' && right.kind === 'integer' && this.network !== null)
      this.transport = right.value;
    const namesTransport =
      (left.kind === 'meta' && left.key === 'l4proto') ||
      (left.kind === 'payload' && left.type === 'inet_proto');
    if (namesTransport && right.kind === 'set') {
      this.anyTransport = true;
      if (statement.operator === '==')
        for (const { key } of right.elements) if (key.kind === 'integer') this.transports.push(key.value);
    }
    if (
      left.kind === 'payload' &&
      (left.protocol === 'icmp' || left.protocol === 'icmpv6') &&
      left.field === 'type' &&
      statement.operator === '==' &&
      right.kind === 'integer'
    )
      this.icmpType = right.value;
  }

  private learnTransport(statement: Statement, protocol: number): void {
    // Of a protocol that nft has no header for it knows something only from `meta`.
    const byMeta = statement.kind === 'match' && statement.left.kind === 'meta';
    if (byMeta || headerOf(protocol) !== undefined) this.transport = protocol;
    if (headerOf(protocol) !== undefined) this.transports.push(protocol);
  }

  private learnNetwork(statement: Statement, said: number): void {
    if (statement.kind !== 'match') return;
    const { left } = statement;
    if (left.kind === 'payload' && said === NetworkProtocol.vlan) this.isTagged = true;
    else if (left.kind === 'payload' && left.protocol === 'ether' && NETWORKS.has(said)) this.hasType = true;
    if (this.network !== null) return;
    const mixed = this.family === 'bridge' || this.family === 'netdev';
    const ofPacket = left.kind === 'meta' && left.key === 'protocol';
    // `meta_expr_pctx_update()`, src/meta.c of nftables.
    if (ofPacket && !mixed) return;
    if (said === NetworkProtocol.vlan && !ofPacket) return;
    this.network = NETWORKS.get(said) ?? (left.kind === 'meta' ? 'unknown' : null);
  }
}
