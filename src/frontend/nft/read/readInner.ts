import type { Inner, Payload, Selector, Tunnel } from '../../../rules/nft/model.js';
import type { DataType } from '../../../rules/nft/types.js';
import type { RuleContext } from '../context.js';
import { fieldAt, headerProtocol, isHeader, payloadField } from '../headers.js';
import type { Token } from './lexer.js';
import { readHeaderField } from './readSelector.js';
import { unnamedSelector } from '../selectors.js';
import type { TokenStream } from './stream.js';

/** The fields of the headers that tunnels over UDP put before what they carry; GRE's are a transport header's. */
const OWN = new Map([
  ['vxlan flags', { offset: 0, bits: 8 }],
  ['vxlan vni', { offset: 32, bits: 24 }],
  ['geneve type', { offset: 16, bits: 16 }],
  ['geneve vni', { offset: 32, bits: 24 }],
]);

const LINK_HEADERS: ReadonlySet<string> = new Set(['ether', 'vlan', 'arp']);

/**
 * `vxlan vni`, `vxlan ip saddr`: what nft reads since 1.0.7 (`vxlan_hdr_expr` and its like, src/parser_bison.y of
 * nftables). nft 1.0.6 has no name for these, and refuses them.
 */
export function readInner(
  stream: TokenStream,
  tunnel: Tunnel,
  start: Token,
  context: RuleContext,
): Selector | undefined {
  const token = stream.peek();
  if (tunnel === 'vxlan' || tunnel === 'geneve') againstTunnel(stream, tunnel, start, context);
  const own = OWN.get(`${tunnel} ${token.text}`);
  if (own && token.kind === 'word') {
    stream.next();
    // A number in listings, though names are read.
    const type = tunnel === 'geneve' && token.text === 'type' && !context.listed ? 'ether_type' : 'integer';
    return inner(tunnel, context, { base: 'inner', protocol: tunnel, field: token.text, ...own, type });
  }
  if (tunnel === 'gre' && token.kind === 'word' && payloadField('gre', token.text))
    return readHeaderField(stream, 'gre', start, context);
  if (stream.isSign('@') && context.listed) return readRaw(stream, tunnel, context);
  if (token.kind !== 'word' || !isHeader(token.text) || token.text === 'gre') {
    // The name of a protocol, too.
    return tunnel === 'gre' ? undefined : stream.fail('a field', token);
  }
  if (tunnel === 'gre' && LINK_HEADERS.has(token.text)) stream.fail('a header of IP', token);
  stream.next();
  const inside = context.inTunnel();
  const found = readHeaderField(stream, token.text, token, inside);
  if (found?.kind !== 'payload') return stream.refuse('options inside a tunnel cannot be read', token);
  const against = token.text === 'th' ? undefined : inside.enter(token.text);
  if (against !== undefined && !context.listed) stream.refuse(against, start);
  return inner(tunnel, context, found);
}

function inner(tunnel: Tunnel, context: RuleContext, field: Omit<Payload, 'kind'>): Inner {
  const { bits, type } = field;
  const payload: Payload = { ...field, kind: 'payload' };
  const outer = tunnel === 'vxlan' || tunnel === 'geneve' ? null : headerProtocol('gre');
  const isAsked = outer !== null && (context.transportProtocol() ?? outer) === outer;
  // From then on the packet is known to be of that protocol.
  if (isAsked) context.enter('gre');
  return {
    kind: 'inner',
    tunnel,
    payload,
    outer: isAsked ? outer : null,
    tagged: context.inTunnel().hasTag(),
    bits,
    type,
  };
}

/** `expr_evaluate_inner()` (src/evaluate.c of nftables): that it is UDP has to be asked for before. */
function againstTunnel(stream: TokenStream, tunnel: Tunnel, start: Token, context: RuleContext): void {
  if (context.listed) return;
  if (!context.knowsTransport()) stream.refuse(`${tunnel}: no transport protocol specified`, start);
  const header = context.transportHeader();
  if (header !== undefined && header !== 'udp')
    stream.refuse(`${tunnel}: unexpected transport protocol ${header}`, start);
}

function isAddress(type: DataType): boolean {
  return type === 'ipv4_addr' || type === 'ipv6_addr';
}

/** `vxlan @nh,96,32`, which nft lists of fields in a map's key with the values as addresses, and does not read itself. */
function readRaw(stream: TokenStream, tunnel: Tunnel, context: RuleContext): Inner {
  const at = stream.next();
  const base = stream.expectName('ll, nh, th or ih');
  stream.expectSign(',');
  const offset = stream.expectNumber('an offset');
  stream.expectSign(',');
  const bits = stream.expectNumber('a length');
  const raw = unnamedSelector(base, offset, bits);
  if (!raw) return stream.refuse('no such raw payload', at);
  const like =
    raw.base === 'network' ? (fieldAt('ip', offset, bits) ?? fieldAt('ip6', offset, bits)) : undefined;
  return inner(tunnel, context, { ...raw, type: like && isAddress(like.type) ? like.type : raw.type });
}
