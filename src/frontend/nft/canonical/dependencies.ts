import { Protocol } from '../../../packet/numbers.js';
import type { Family } from '../../../rules/model.js';
import type { Expression, Match, Selector, Statement } from '../../../rules/nft/model.js';
import { messageTypes } from '../../../rules/nft/eval/payload.js';
import { NetworkProtocol, protocolOf } from '../context.js';
import { headerOf, headerProtocol } from '../headers.js';

const { tcp: TCP, icmp: ICMP, icmpv6: ICMPV6 } = Protocol;
/** What `meta iiftype ether` compares with (ARPHRD_ETHER, linux/if_arp.h). */
const ETHERNET = 1;
const { ip: IPV4, ip6: IPV6, arp: ARP, vlan: TAGGED } = NetworkProtocol;

/** A match that what follows may make needless. */
interface Pending {
  readonly index: number;
  readonly match: Match;
  readonly value: number;
}

/** What is a header of which layer; others are of the transport layer. */
const LAYERS = new Map([
  ['ether', 'link'],
  ['vlan', 'link'],
  ['ip', 'network'],
  ['ip6', 'network'],
  ['arp', 'network'],
] as const);

/**
 * Leaves out of the list what nft leaves out: matches that only say which protocol a later field needs. nft does not look
 * whether that field needs this very protocol (`payload_dependency_kill()`, src/payload.c, and
 * `ct_meta_common_postprocess()`, src/netlink_delinearize.c, of nftables 1.0.6): where it does not, the match is
 * compared all the same.
 */
export function withoutDependencies(statements: readonly Statement[], family: Family): readonly Statement[] {
  return new Dependencies(family, statements).listed();
}

class Dependencies {
  private readonly result: (Statement | null)[];
  /** An Ethernet type that says what stands between it and the network's header, or that the link is Ethernet. */
  private link: Pending | null = null;
  private network: Pending | null = null;
  private transport: Pending | null = null;
  private message: Pending | null = null;
  private knowsNetwork: boolean;
  private knowsTransport = false;
  private isRaw = false;

  constructor(
    private readonly family: Family,
    private readonly statements: readonly Statement[],
  ) {
    this.result = [...statements];
    this.knowsNetwork = family === 'ip' || family === 'ip6' || family === 'arp';
  }

  listed(): readonly Statement[] {
    this.statements.forEach((statement, index) => {
      const { read, resets } = readsOf(statement);
      if (resets) this.forget();
      // What is raw asks for no protocol, whatever nft takes it for.
      this.isRaw = statement.kind === 'match' && statement.listedAs !== undefined;
      for (const selector of read) this.reads(selector);
      if (statement.kind === 'reject') this.rejects(statement);
      if (statement.kind === 'match') this.compares(statement, index);
      else this.forget();
    });
    return this.result.filter((statement) => statement !== null);
  }

  private forget(): void {
    this.link = this.network = this.transport = this.message = null;
  }

  private reads(selector: Selector): void {
    switch (selector.kind) {
      case 'tcpOption':
        // Whatever protocol was compared: `exthdr_dependency_kill()`, src/payload.c, looks at its layer only.
        this.transport = this.drop(this.transport, TCP);
        break;
      case 'ipOption':
      case 'exthdr':
        this.readsNetwork(selector.kind === 'exthdr' ? IPV6 : IPV4);
        break;
      case 'inner':
        if (selector.outer !== null) this.readsTransport(selector.outer);
        break;
      case 'payload':
        this.readsField(selector);
        break;
      default:
        break;
    }
  }

  private readsField(field: Selector & { kind: 'payload' }): void {
    const types = messageTypes(field);
    if (this.message && types?.length === 1 && types[0] === this.message.value)
      // `icmp type redirect` before `icmp gateway`, which no other message has.
      this.message = this.drop(this.message, this.message.value);
    const { protocol } = field;
    if (protocol === null) return;
    switch (LAYERS.get(protocol as 'ip')) {
      case 'link':
        if (this.mayDropLink(field.field))
          this.link = this.drop(
            this.link,
            isOfLink(this.link) ? ETHERNET : protocol === 'vlan' ? TAGGED : null,
          );
        break;
      case 'network':
        this.readsNetwork(protocol === 'ip' ? IPV4 : protocol === 'ip6' ? IPV6 : ARP);
        break;
      default:
        this.readsTransport(headerProtocol(protocol));
    }
  }

  private isMixed(): boolean {
    return this.family === 'inet' || this.family === 'bridge' || this.family === 'netdev';
  }

  /** `payload_may_dependency_kill_ll()`. */
  private mayDropLink(field: string | null): boolean {
    if (!this.link || !this.isMixed() || isOfLink(this.link)) return true;
    const { left } = this.link.match;
    return field !== 'type' && left.kind === 'payload' && left.protocol === 'ether';
  }

  private readsNetwork(version: number): void {
    // nft says first which version it is, and leaves that out again.
    if (!this.knowsNetwork) this.network = null;
    this.forgetLink();
    this.knowsNetwork = true;
    this.network = this.drop(this.network, version);
  }

  private readsTransport(protocol: number | null): void {
    if (!this.knowsTransport && protocol !== null) {
      this.knowsTransport = true;
      this.transport = null;
      if (this.isMixed() && !this.knowsNetwork && (protocol === ICMP || protocol === ICMPV6)) {
        this.network = null;
        this.forgetLink();
        this.knowsNetwork = true;
      } else if (this.mayDropNetwork(protocol, true))
        this.network = this.drop(this.network, versionOf(protocol));
    }
    const kept = this.isMixed() && this.transport?.match.left.kind === 'payload';
    if (!kept) this.transport = this.drop(this.transport, protocol);
  }

  /** Of the packets' link nothing is listed any more, once a rule has asked for their network in a table of several. */
  private forgetLink(): void {
    if (isOfLink(this.link) && this.isMixed()) this.link = this.drop(this.link, null);
  }

  /** `meta_may_dependency_kill()`: whether a transport protocol makes what was said of the network's needless. */
  private mayDropNetwork(protocol: number, byMeta: boolean): boolean {
    if (!this.network) return false;
    const { match, value } = this.network;
    const { left } = match;
    if (!(left.kind === 'meta' || left.kind === 'payload')) return true;
    if (!this.isMixed())
      return (
        this.family === 'arp' ||
        (this.family === 'ip' && value === IPV4) ||
        (this.family === 'ip6' && value === IPV6)
      );
    if (!byMeta) return true;
    if (protocol !== ICMP && protocol !== ICMPV6) return false;
    return !(value === IPV4 && protocol === ICMPV6) && !(value === IPV6 && protocol === ICMP);
  }

  private rejects(reject: Statement & { kind: 'reject' }): void {
    if (this.isMixed()) {
      if (reject.with === 'icmpx') return;
      const version = reject.with === 'icmp' ? IPV4 : reject.with === 'icmpv6' ? IPV6 : null;
      this.network = this.drop(this.network, version);
    } else if (reject.with === 'tcp reset') this.transport = this.drop(this.transport, TCP);
  }

  /** Takes in what a match says about the packets that come to the next statement. */
  private compares(match: Match, index: number): void {
    const { left } = match;
    const said = protocolOf(match);
    if (isEthernet(match)) {
      this.link = { index, match, value: ETHERNET };
      return;
    }
    if (left.kind === 'payload' && isMessageType(match)) {
      if (match.right.kind === 'integer') this.message = { index, match, value: match.right.value };
    }
    if (!said) return this.comparesConntrack(match, index);
    const pending: Pending = { index, match, value: said.value };
    if (said.layer === 'transport') {
      if (left.kind === 'meta' && this.mayDropNetwork(said.value, true))
        this.network = this.drop(this.network, versionOf(said.value));
      this.transport = pending;
      this.knowsTransport ||= left.kind === 'meta' || headerOf(said.value) !== undefined;
      return;
    }
    if (left.kind === 'payload') {
      if (said.value === TAGGED) {
        this.link = pending;
        return;
      }
      // Other types are of no header that nft knows.
      if (![IPV4, IPV6, ARP].includes(said.value)) return;
      this.knowsNetwork = true;
    } else {
      if (!this.network && !(isOfLink(this.link) && !this.isMixed())) this.link = this.drop(this.link, null);
      if (left.kind === 'meta' && left.key === 'protocol') {
        // In a table of this version it says nothing: it does not even get to the kernel, unless it is all.
        const own =
          (this.family === 'ip' && said.value === IPV4) || (this.family === 'ip6' && said.value === IPV6);
        if (own && index < this.statements.length - 1) {
          this.result[index] = null;
          return;
        }
        this.knowsNetwork ||= this.family === 'bridge' || this.family === 'netdev';
      } else this.knowsNetwork ||= left.kind === 'meta' || this.family === 'inet';
    }
    this.network = pending;
  }

  /** `ct protocol tcp`. */
  private comparesConntrack(match: Match, index: number): void {
    const { left, operator, right } = match;
    if (left.kind !== 'ct' || left.key !== 'protocol' || operator !== '==' || right.kind !== 'integer')
      return;
    if (this.mayDropNetwork(right.value, false))
      this.network = this.drop(this.network, versionOf(right.value));
    this.transport = { index, match, value: right.value };
    this.knowsTransport ||= this.knowsNetwork && headerOf(right.value) !== undefined;
  }

  /**
   * Takes a match out of the list.
   * @param implied what the field that makes it needless needs itself; where that is another, it is compared all the same
   */
  private drop(pending: Pending | null, implied: number | null): null {
    if (pending) {
      const { index, match, value } = pending;
      this.result[index] =
        value === implied && match.left.kind !== 'ct' && !this.isRaw ? null : { ...match, listedAs: [] };
    }
    return null;
  }
}

/** The version of IP that a transport protocol is of alone. */
function versionOf(protocol: number): number | null {
  return protocol === ICMP ? IPV4 : protocol === ICMPV6 ? IPV6 : null;
}

/** `meta iiftype ether`. */
function isEthernet({ left, operator, right }: Match): boolean {
  return (
    operator === '==' &&
    left.kind === 'meta' &&
    left.key === 'iiftype' &&
    right.kind === 'integer' &&
    right.value === ETHERNET
  );
}

function isOfLink(pending: Pending | null): boolean {
  return pending !== null && isEthernet(pending.match);
}

function isMessageType({ left, operator, right }: Match): boolean {
  return (
    operator === '==' &&
    left.kind === 'payload' &&
    left.field === 'type' &&
    (left.protocol === 'icmp' || left.protocol === 'icmpv6') &&
    right.kind === 'integer'
  );
}

/** What a statement reads, in the order in which nft looks at it; `resets`: before that nft forgets what was said. */
function readsOf(statement: Statement): { read: Selector[]; resets?: boolean } {
  switch (statement.kind) {
    case 'match':
      return { read: (statement.listedAs ?? [statement]).flatMap(({ left }) => selectorsIn(left)) };
    case 'vmap':
      return { read: selectorsIn(statement.key) };
    case 'mangle': {
      const target = statement.target.kind === 'tcpOption' ? [] : selectorsIn(statement.target);
      return { read: [...selectorsIn(statement.value), ...target] };
    }
    case 'setUpdate':
      return {
        read: [...selectorsIn(statement.key), ...(statement.data ? selectorsIn(statement.data) : [])],
      };
    case 'nat':
      // Only before an address: nft lists `meta l4proto tcp redirect to :tcp dport map { … }` whole.
      return { read: statement.address ? selectorsIn(statement.address) : [] };
    case 'objref':
      return { read: typeof statement.name === 'string' ? [] : selectorsIn(statement.name) };
    case 'dup':
      return { read: statement.address ? selectorsIn(statement.address) : [] };
    case 'queue':
      return { read: selectorsIn(statement.to) };
    default:
      return { read: [] };
  }
}

function selectorsIn(expression: Expression): Selector[] {
  switch (expression.kind) {
    case 'payload':
    case 'inner':
    case 'tcpOption':
    case 'ipOption':
    case 'exthdr':
      return [expression];
    case 'binary':
      return [...selectorsIn(expression.left), ...selectorsIn(expression.right)];
    case 'concat':
      return expression.parts.flatMap(selectorsIn);
    case 'map':
      return selectorsIn(expression.key);
    case 'hash':
      return expression.expression ? selectorsIn(expression.expression) : [];
    default:
      return [];
  }
}
