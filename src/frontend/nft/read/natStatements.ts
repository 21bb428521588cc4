import { IpAddress, IpNetwork } from '../../../address/ip.js';
import type { Expression, KeyField, Nat, NatFlag, Statement } from '../../../rules/nft/model.js';
import type { RuleContext } from '../context.js';
import { readRawConcat } from './expressions.js';
import type { Token } from './lexer.js';
import type { Raw } from './raw.js';
import { resolve } from './resolve.js';
import { Refusal, type TokenStream } from './stream.js';

const PORT: KeyField = { type: 'inet_service', bits: 16 };

export function takeFamily(stream: TokenStream): 'ip' | 'ip6' | null {
  if (!stream.isWord('ip') && !stream.isWord('ip6')) return null;
  return stream.next().text as 'ip' | 'ip6';
}

export function familyField(family: 'ip' | 'ip6'): KeyField {
  return family === 'ip' ? { type: 'ipv4_addr', bits: 32 } : { type: 'ipv6_addr', bits: 128 };
}

export function addressField(context: RuleContext, stream: TokenStream): KeyField {
  const family = context.addressFamily();
  return family
    ? familyField(family)
    : stream.refuse('ip or ip6 must be specified with address for inet tables.');
}

const NAT_FLAGS: readonly NatFlag[] = ['random', 'fully-random', 'persistent'];

export function readNat(stream: TokenStream, nat: Nat['nat'], start: Token, context: RuleContext): Statement {
  const { family: table } = context;
  if (table !== 'ip' && table !== 'ip6' && table !== 'inet')
    stream.refuse('NAT is only supported for IPv4/IPv6', start);
  const inet = table === 'inet';
  let written: 'ip' | 'ip6' | null = null;
  // `dnat ip to`, but `redirect` may be followed by a statement that begins with ip.
  if (
    (stream.isWord('ip') || stream.isWord('ip6')) &&
    ['to', 'prefix', 'addr', 'interval'].includes(stream.peek(1).text)
  )
    written = takeFamily(stream);
  const prefix = stream.takeWord('prefix');
  stream.takeWord('interval');
  let addressAndPort = false;
  let portInKey = false;
  let isPrefix = false;
  if (stream.takeWord('addr')) {
    stream.expectSign('.');
    stream.expectWord('port');
    addressAndPort = true;
  }
  let address: Expression | null = null;
  let port: Expression | null = null;
  if (written !== null && context.isOtherFamily(written))
    stream.refuse(
      `conflicting protocols specified: ${context.networkHeader()} vs. ${written}. You must specify ip or ip6 family in nat statement`,
      start,
    );
  const bare = nat === 'snat' || nat === 'dnat';
  if (stream.takeWord('to') || (bare && !stream.atStop())) {
    const family = written ?? context.addressFamily();
    if (!stream.isSign(':') && (nat === 'redirect' || nat === 'masquerade'))
      port = resolve(readRawConcat(stream, context), [PORT]);
    else if (!stream.isSign(':')) {
      if (!family) stream.refuse('ip or ip6 must be specified with address for inet tables.');
      const raw = readRawConcat(stream, context);
      if (raw.node === 'map' && mapsToPort(raw, context)) addressAndPort = true;
      checkData(raw, familyField(family), context);
      isPrefix = raw.node === 'prefix';
      address = asPrefix(resolve(raw, addressAndPort ? [familyField(family), PORT] : [familyField(family)]));
      portInKey = asksForPort(address);
      if (address.kind === 'setReference') stream.refuse('an address is expected', raw.at ?? start);
      if (inet && !written) written = family;
    }
    const knowsTransport = context.knowsTransport() || portInKey;
    // nft lists a prefix before a port, and does not read it.
    if (isPrefix && stream.isSign(':') && !context.listed) stream.fail();
    if (stream.takeSign(':')) {
      const raw = readRawConcat(stream, context);
      checkData(raw, PORT, context);
      port = resolve(raw, [PORT]);
    }
    if ((port || addressAndPort) && !knowsTransport && !context.listed)
      stream.refuse('transport protocol mapping is only valid after transport protocol match', start);
  }
  if (bare && !address && !port) stream.fail('to');
  const flags = new Set<string>();
  if (stream.peek().kind === 'word' && (NAT_FLAGS as readonly string[]).includes(stream.peek().text))
    do flags.add(stream.expectWord(...NAT_FLAGS));
    while (stream.takeSign(','));
  return {
    kind: 'nat',
    nat,
    family: keepsFamily(context, address, addressAndPort, prefix)
      ? (written ?? context.addressFamily())
      : null,
    addressAndPort,
    prefix,
    address,
    port,
    flags: NAT_FLAGS.filter((f) => flags.has(f)),
  };
}

/** nft prints the family in inet tables, and where the address is a map with intervals, ports or prefixes. */
function keepsFamily(
  context: RuleContext,
  address: Expression | null,
  addressAndPort: boolean,
  prefix: boolean,
): boolean {
  if (!address) return false;
  if (context.family === 'inet' || addressAndPort) return true;
  if (prefix && address.kind === 'map') return true;
  if (address.kind !== 'map') return false;
  return address.map.kind === 'set'
    ? address.map.elements.some((e) => e.data?.kind === 'range' || e.data?.kind === 'prefix')
    : context.mapsToIntervals(address.map.name);
}

/** A map with a name gives what NAT asks for (`stmt_evaluate_nat_map()`, src/evaluate.c). */
function checkData(raw: Raw, wanted: KeyField, { listed, mapData }: RuleContext): void {
  if (listed || raw.node !== 'map' || raw.map.node !== 'reference') return;
  const first = mapData(raw.map.name)?.at(0);
  if (first && first.type !== wanted.type && first.type !== 'integer')
    throw new Refusal(
      `datatype mismatch: expected ${wanted.type}, expression has type ${first.type}`,
      raw.at,
    );
}

function mapsToPort(raw: Raw & { node: 'map' }, context: RuleContext): boolean {
  if (raw.map.node === 'reference') return (context.mapData(raw.map.name)?.length ?? 0) > 1;
  return raw.map.node === 'set' && raw.map.elements.some((e) => e.data?.node === 'concat');
}

/** A map by several things, ports among them, says for itself which packets it is for (`nat_evaluate_addr_has_th_expr()`, src/evaluate.c of nftables). */
function asksForPort(address: Expression): boolean {
  if (address.kind !== 'map' || address.key.kind !== 'concat') return false;
  return address.key.parts.some((part) => part.kind === 'payload' && part.base === 'transport');
}

/** A range that is just a prefix is listed as one (`nat_concat_expr_print()` and its like, src/netlink_delinearize.c). */
function asPrefix(address: Expression): Expression {
  if (address.kind !== 'range') return address;
  const { from, to } = address;
  if (from.kind !== 'address' || to.kind !== 'address') return address;
  const length = prefixLength(from.address, to.address);
  return length === undefined ? address : { kind: 'prefix', base: from, length };
}

function prefixLength(from: IpAddress, to: IpAddress): number | undefined {
  const mask = new IpAddress(
    from.version,
    ~(from.a ^ to.a),
    ...(from.version === 4 ? [] : [~(from.b ^ to.b), ~(from.c ^ to.c), ~(from.d ^ to.d)]),
  );
  const network = new IpNetwork(from, mask);
  const length = network.prefixLength;
  return length !== undefined && length > 0 && IpNetwork.ofPrefix(from, length).address.equals(from)
    ? length
    : undefined;
}

export function readTproxy(stream: TokenStream, start: Token, context: RuleContext): Statement {
  const knowsTransport = context.knowsTransport();
  const family = takeFamily(stream);
  if (family !== null && context.isOtherFamily(family))
    stream.refuse(
      `conflicting protocols specified: ${context.networkHeader()} vs. ${family}. You must specify ip or ip6 family in tproxy statement`,
      start,
    );
  const network = context.addressFamily();
  if (family === null && context.family === 'inet' && network !== null && !context.listed)
    stream.refuse(
      `conflicting protocols specified: ${network} vs. unknown. You must specify ip or ip6 family in tproxy statement`,
      start,
    );
  stream.expectWord('to');
  let address: Expression | null = null;
  let port: Expression | null = null;
  if (!stream.isSign(':')) {
    const own = family ?? context.addressFamily();
    if (!own) stream.refuse('ip or ip6 must be specified with address for inet tables.');
    address = resolve(readRawConcat(stream, context), [familyField(own)]);
    if (address.kind === 'range') stream.refuse('Address ranges are not supported for tproxy.', start);
  }
  if (stream.takeSign(':')) port = resolve(readRawConcat(stream, context), [PORT]);
  if (!knowsTransport && !context.listed)
    stream.refuse('Transparent proxy support requires transport protocol match', start);
  return { kind: 'tproxy', family: context.family === 'inet' ? family : null, address, port };
}
