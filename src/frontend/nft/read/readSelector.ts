import type { Selector } from '../../../rules/nft/model.js';
import { messageTypes } from '../../../rules/nft/eval/payload.js';
import type { RuleContext } from '../context.js';
import { readExpression } from './expressions.js';
import { EXTENSION_HEADERS, fieldAt } from '../headers.js';
import type { Token } from './lexer.js';
import {
  conntrack,
  extensionHeader,
  fib,
  hash,
  ipOption,
  ipsec,
  isHeader,
  isShortMeta,
  metaKey,
  numgen,
  osf,
  payloadField,
  rawSelector,
  rawTcpOption,
  route,
  sctpChunk,
  socket,
  tcpOption,
  unnamedSelector,
} from '../selectors.js';
import { readInner } from './readInner.js';
import type { TokenStream } from './stream.js';

/** What begins here, where it is a selector; nothing is taken where it is none. */
export function readSelector(stream: TokenStream, context: RuleContext): Selector | undefined {
  const start = stream.peek();
  if (start.kind === 'sign' && start.text === '@') return readRawPayload(stream, context);
  if (start.kind !== 'word') return undefined;
  const place = stream.place;
  stream.next();
  const found = readSelectorAfter(stream, start, context);
  if (!found) {
    stream.returnTo(place);
    return undefined;
  }
  const header =
    found.kind === 'payload'
      ? start.text === 'th'
        ? null
        : found.protocol
      : found.kind === 'ipOption'
        ? 'ip'
        : found.kind === 'exthdr'
          ? 'ip6'
          : null;
  const against = header === null ? undefined : context.enter(header);
  // What was listed the kernel has taken.
  if (against !== undefined && !context.listed)
    stream.refuse(
      found.kind === 'exthdr'
        ? `cannot use exthdr with ${context.networkHeader() ?? 'this family'}`
        : against,
      start,
    );
  return found;
}

function readSelectorAfter(stream: TokenStream, start: Token, context: RuleContext): Selector | undefined {
  const name = start.text;
  switch (name) {
    case 'meta': {
      const key = stream.peek();
      const found = key.kind === 'word' ? metaKey(key.text) : undefined;
      if (!found)
        return stream.refuse(`unexpected ${key.text.trim() || 'end of line'}, expecting a key of meta`, key);
      if (found.key === 'nfproto' && context.family !== 'inet' && !context.listed)
        stream.refuse('meta nfproto is only useful in the inet family', start);
      stream.next();
      return found;
    }
    case 'ct':
      return readConntrack(stream, context);
    case 'fib':
      return readFib(stream);
    case 'socket': {
      const key = stream.expectName('a key of socket');
      const level = key === 'cgroupv2' && stream.takeWord('level') ? stream.expectNumber() : null;
      return socket(key, level) ?? stream.refuse(`${key} is no key of socket`, start);
    }
    case 'osf': {
      const ttl = stream.takeWord('ttl') ? stream.expectWord('loose', 'skip') : null;
      return osf(stream.expectWord('name', 'version'), ttl);
    }
    case 'ipsec': {
      const direction = stream.expectWord('in', 'out');
      const spnum = stream.takeWord('spnum') ? stream.expectNumber() : 0;
      if (spnum > 255) stream.refuse('value too large');
      const family = stream.takeWord('ip') ? 'ip' : stream.takeWord('ip6') ? 'ip6' : null;
      return (
        ipsec(direction, spnum, stream.expectName('a key of ipsec'), family) ??
        stream.refuse('no such key of ipsec', start)
      );
    }
    case 'numgen': {
      const mode = stream.expectWord('inc', 'random');
      const { modulus, offset } = readModulus(stream, false);
      return numgen(mode, modulus, offset);
    }
    case 'jhash':
    case 'symhash': {
      const expression = name === 'jhash' ? stream.nested(() => readExpression(stream, context)) : null;
      const { modulus, seed, offset } = readModulus(stream, name === 'jhash');
      return hash(name, expression, modulus, seed, offset);
    }
    case 'exthdr': {
      const header = stream.expectName('an extension header');
      return extensionHeader(header, null) ?? stream.refuse(`${header} is no extension header`, start);
    }
    case 'vxlan':
    case 'geneve':
    case 'gre':
    case 'gretap':
      return readInner(stream, name, start, context);
    case 'rt': {
      const family =
        stream.isWord('ip') || stream.isWord('ip6') ? (stream.next().text as 'ip' | 'ip6') : null;
      const key = stream.peek().text;
      const found = route(key, family, context) ?? extensionHeader('rt', key);
      if (!found) return stream.refuse(`${key.trim()} is no key of rt`);
      if (found.kind === 'rt' && found.family !== null && context.isOtherTable(found.family))
        stream.refuse(`${found.family} nexthop will not match`, start);
      stream.next();
      return found;
    }
    default:
      break;
  }
  if (EXTENSION_HEADERS.has(name)) {
    const field = stream.expectName('a field');
    const index = stream.takeSign('[') ? stream.expectNumber() : 0;
    if (stream.isSign(']')) stream.next();
    return extensionHeader(name, field, index) ?? stream.refuse(`${field} is no field of ${name}`, start);
  }
  if (isHeader(name)) return readHeaderField(stream, name, start, context);
  if (isShortMeta(name)) return metaKey(name);
  return undefined;
}

const HEADER_NAMES = new Set(['ether', 'ip', 'ip6', 'vlan', 'arp']);

export function readHeaderField(
  stream: TokenStream,
  header: string,
  start: Token,
  context: RuleContext,
): Selector | undefined {
  const token = stream.peek();
  const field = token.text;
  // As a value only those headers are also names (`keyword_expr`, src/parser_bison.y of nftables).
  if (token.kind !== 'word') return HEADER_NAMES.has(header) ? undefined : stream.fail('a field');
  if (field === 'option' && (header === 'tcp' || header === 'ip')) {
    stream.next();
    return readOption(stream, header);
  }
  if (header === 'sctp' && field === 'chunk') {
    stream.next();
    const name = stream.expectName('a chunk');
    const part =
      stream.isWord('exists') || stream.isWord('missing') || stream.peek().kind === 'number'
        ? null
        : stream.expectName('a field of a chunk');
    return sctpChunk(name, part) ?? stream.refuse(`unknown chunk or field ${name} ${part ?? ''}`, start);
  }
  if (header === 'arp' && (field === 'saddr' || field === 'daddr')) {
    stream.next();
    const found = payloadField('arp', `${field}_${stream.peek().text}`);
    if (!found) return stream.fail('ip or ether');
    stream.next();
    return found;
  }
  // Where the protocol is known from the rule, nft lists its name.
  const known = header === 'th' && !context.listed ? (context.transportHeader() ?? header) : header;
  // nft reads and writes this field by different names.
  const own = header === 'icmpv6' && field === 'param-problem' ? 'parameter-problem' : field;
  if (own === 'parameter-problem' && own === field && !context.listed) stream.fail('a field');
  const asNamed = payloadField(header, own);
  const found =
    payloadField(known, own) ?? (asNamed && fieldAt(known, asNamed.offset, asNamed.bits)) ?? asNamed;
  if (!found) return stream.refuse(`${field} is no field of ${header}`, token);
  const types = messageTypes(found);
  if (types && context.icmpType !== null && !context.listed && !types.includes(context.icmpType))
    stream.refuse(`incompatible icmp match: rule has ${context.icmpType}, need ${types[0]}`, token);
  // What nft asks for itself where nothing was asked before (`payload_gen_icmp_dependency()`, src/payload.c).
  if (types) context.icmpType ??= types[0];
  stream.next();
  return found;
}

function readOption(stream: TokenStream, header: 'tcp' | 'ip'): Selector | undefined {
  if (header === 'tcp' && stream.takeSign('@')) {
    const numbers = [stream.expectNumber()];
    while (stream.takeSign(',')) numbers.push(stream.expectNumber());
    if (numbers.length !== 3) stream.fail('three numbers');
    return rawTcpOption(numbers[0], numbers[1], numbers[2]);
  }
  const token = stream.peek();
  const name = stream.expectName('an option');
  const next = stream.peek();
  const make = header === 'tcp' ? tcpOption : ipOption;
  const withField = next.kind === 'word' ? make(name, next.text) : undefined;
  if (withField) {
    stream.next();
    return withField;
  }
  return make(name, null) ?? stream.refuse(`${name} is no option of ${header}`, token);
}

function readRawPayload(stream: TokenStream, context: RuleContext): Selector | undefined {
  const start = stream.peek();
  const base = stream.peek(1);
  if (base.kind !== 'word' || !stream.isSign(',', 2)) return undefined;
  stream.next();
  stream.next();
  stream.expectSign(',');
  const offset = stream.expectNumber('an offset');
  stream.expectSign(',');
  const bits = stream.expectNumber('a length');
  // A set is asked for what is written; elsewhere nft lists a field by its name.
  const named = stream.isSign('@') ? undefined : rawSelector(base.text, offset, bits, context);
  return named ?? unnamedSelector(base.text, offset, bits) ?? stream.refuse('no such raw payload', start);
}

function readConntrack(stream: TokenStream, context: RuleContext): Selector | undefined {
  const start = stream.peek();
  const { family: table } = context;
  if (table === 'arp' || table === 'netdev') stream.refuse(`${table} has no connection tracking`, start);
  const direction =
    stream.isWord('original') || stream.isWord('reply') ? (stream.next().text as 'original' | 'reply') : null;
  const family =
    direction !== null && (stream.isWord('ip') || stream.isWord('ip6'))
      ? (stream.next().text as 'ip' | 'ip6')
      : null;
  const key = stream.expectName('a key of ct');
  const found = conntrack(key, direction, family, context);
  if (!found) return stream.refuse(`${key} is no key of ct here`, start);
  if (found.family !== null && context.isOtherFamily(found.family))
    stream.refuse(`conflicting protocols specified: ${context.networkHeader()} vs. ${found.family}`, start);
  const address = key === 'saddr' || key === 'daddr';
  if (address && family === null && (isSeveral(stream) || stream.isSign('@') || stream.isSign('.')))
    stream.refuse('specify either ip or ip6 for address matching', start);
  // nft takes the type of a port from the protocol that the rule has asked for before.
  if ((key === 'proto-src' || key === 'proto-dst') && !context.listed && !context.knowsTransport())
    stream.refuse(`ct ${key} needs a protocol to be matched before`, start);
  return found;
}

/** Whether a set of more than one element begins here. */
function isSeveral(stream: TokenStream): boolean {
  return stream.isSign('{') && !stream.isSign('}', 2);
}

/** `fib_expr` of src/parser_bison.y of nftables, `nft_fib_init()` (net/netfilter/nft_fib.c). */
function againstFib(flags: readonly string[], result: string): string | undefined {
  const both = (a: string, b: string): boolean => flags.includes(a) && flags.includes(b);
  if (both('saddr', 'daddr')) return 'saddr and daddr are mutually exclusive';
  if (both('iif', 'oif')) return 'iif and oif are mutually exclusive';
  if (!flags.includes('saddr') && !flags.includes('daddr')) return 'need either saddr or daddr';
  return flags.includes('oif') && result !== 'type' ? 'oif is of use for type only' : undefined;
}

function readFib(stream: TokenStream): Selector | undefined {
  const start = stream.peek();
  const flags = [stream.expectName('saddr, daddr, mark, iif or oif')];
  while (stream.takeSign('.')) flags.push(stream.expectName('saddr, daddr, mark, iif or oif'));
  const result = stream.expectWord('oif', 'oifname', 'type', 'check');
  const found = fib(flags, result) ?? stream.refuse('no such question to fib', start);
  const against = againstFib(flags, result);
  if (against !== undefined) stream.refuse(`fib: ${against}`, start);
  const present = stream.isWord('exists') || stream.isWord('missing');
  return found.kind === 'fib' && present ? { ...found, present: true } : found;
}

/** The largest number of 32 bits. */
const MOST = 2 ** 32 - 1;

function readModulus(
  stream: TokenStream,
  seeded: boolean,
): { modulus: number; seed: number | null; offset: number } {
  stream.expectWord('mod');
  const at = stream.peek();
  const modulus = stream.expectNumber();
  const seed = seeded && stream.takeWord('seed') ? stream.expectNumber() : null;
  const offset = stream.takeWord('offset') ? stream.expectNumber() : 0;
  // `nft_ng_inc_init()`, `nft_jhash_init()`: the largest number has to fit into a register.
  if (modulus === 0 || modulus + offset - 1 > MOST) stream.refuse('modulus and offset are out of range', at);
  return { modulus, seed, offset };
}
