import type {
  Ct,
  Expression,
  KeyField,
  LogFlag,
  MatchOperator,
  Nat,
  NatFlag,
  ObjectType,
  Reject,
  Selector,
  Statement,
  SynProxyValues,
} from '../../rules/nft/model.js';
import type { RuleContext } from './context.js';
import { readElementStatements } from './elementStatements.js';
import {
  readElementOptions,
  readExpression,
  readRaw,
  readRawConcat,
  readSelector,
  readTime,
  readVerdict,
} from './expressions.js';
import type { Token } from './lexer.js';
import { LOG_FLAG_ORDER, LOG_LEVELS, rejection } from './vocabulary.js';
import { makeMatch } from './matching.js';
import type { Raw } from './raw.js';
import { fieldsOf, isConstant, resolve, resolveMap } from './resolve.js';
import type { TokenStream } from './stream.js';

const MATCH_OPERATORS = new Map<string, MatchOperator>([
  ['==', '=='],
  ['eq', '=='],
  ['!=', '!='],
  ['ne', '!='],
  ['<', '<'],
  ['lt', '<'],
  ['>', '>'],
  ['gt', '>'],
  ['<=', '<='],
  ['le', '<='],
  ['>=', '>='],
  ['ge', '>='],
  ['!', '!&'],
]);

const VERDICT: KeyField = { type: 'verdict', bits: 0 };
const NUMBER: KeyField = { type: 'integer', bits: 32 };
const QUEUE: KeyField = { type: 'integer', bits: 16 };
const PORT: KeyField = { type: 'inet_service', bits: 16 };
const DEVICE: KeyField = { type: 'iface_index', bits: 32 };
const TEXT: KeyField = { type: 'string', bits: 0 };

/** One statement of a rule. */
export function readStatement(stream: TokenStream, context: RuleContext): Statement {
  const start = stream.peek();
  const verdict = readVerdict(stream);
  if (verdict) return { kind: 'verdict', verdict };
  if (start.kind === 'word') {
    const simple = readNamed(stream, start, context);
    if (simple) return simple;
  }
  return readSelective(stream, context);
}

function readNamed(stream: TokenStream, start: Token, context: RuleContext): Statement | undefined {
  const word = start.text;
  const named = (object: ObjectType): Statement => {
    stream.next();
    stream.next();
    return { kind: 'objref', object, name: readObjectName(stream, context) };
  };
  switch (word) {
    case 'counter':
    case 'quota':
    case 'limit':
      if (stream.isWord('name', 1)) return named(word);
      if (word === 'counter' && stream.peek(1).kind === 'string') {
        stream.next();
        return { kind: 'objref', object: word, name: readObjectName(stream, context) };
      }
      return readElementStatements(stream);
    case 'last':
      return readElementStatements(stream);
    case 'synproxy':
      if (stream.isWord('name', 1)) return named(word);
      stream.next();
      return { kind: 'synproxy', ...readSynProxy(stream) };
    case 'ct':
      return readConntrackStatement(stream, context);
    case 'log':
      stream.next();
      return readLog(stream);
    case 'reject':
      stream.next();
      return readReject(stream, context);
    case 'queue':
      stream.next();
      return readQueue(stream, context);
    case 'snat':
    case 'dnat':
    case 'masquerade':
    case 'redirect':
      stream.next();
      return readNat(stream, word, start, context);
    case 'notrack':
      stream.next();
      return { kind: 'notrack' };
    case 'dup': {
      stream.next();
      stream.expectWord('to');
      const netdev = context.family === 'netdev';
      if (netdev)
        return { kind: 'dup', address: null, device: resolve(readRawConcat(stream, context), [DEVICE]) };
      const address = resolve(readRawConcat(stream, context), [addressField(context, stream)]);
      const device = stream.takeWord('device') ? resolve(readRawConcat(stream, context), [DEVICE]) : null;
      return { kind: 'dup', address, device };
    }
    case 'fwd': {
      stream.next();
      const family = takeFamily(stream);
      stream.expectWord('to');
      if (!family)
        return {
          kind: 'fwd',
          family,
          address: null,
          device: resolve(readRawConcat(stream, context), [DEVICE]),
        };
      const address = resolve(readRawConcat(stream, context), [familyField(family)]);
      stream.expectWord('device');
      return { kind: 'fwd', family, address, device: resolve(readRawConcat(stream, context), [DEVICE]) };
    }
    case 'tproxy':
      stream.next();
      return readTproxy(stream, start, context);
    case 'flow': {
      stream.next();
      stream.expectWord('add', 'offload');
      stream.expectSign('@');
      return { kind: 'flowAdd', flowtable: stream.expectName('the name of a flowtable') };
    }
    case 'reset': {
      stream.next();
      stream.expectWord('tcp');
      stream.expectWord('option');
      stream.returnTo(stream.place - 2);
      const option = readSelector(stream, context);
      return option?.kind === 'tcpOption'
        ? { kind: 'resetTcpOption', option }
        : stream.fail('a TCP option', start);
    }
    case 'add':
    case 'update':
    case 'delete':
      if (!stream.isSign('@', 1)) return undefined;
      return readSetUpdate(stream, word, context);
    case 'set':
      return readOldSetUpdate(stream, context);
    case 'xt':
      return stream.refuse('an iptables extension that nft cannot show', start);
    default:
      return undefined;
  }
}

/** `name "x"` or `name KEY map …`. */
function readObjectName(stream: TokenStream, context: RuleContext): string | (Expression & { kind: 'map' }) {
  const token = stream.peek();
  if (token.kind === 'string' || (token.kind === 'word' && !isSelectorStart(stream, context)))
    return stream.expectName('a name');
  const key = readExpression(stream, context);
  stream.expectWord('map');
  return { kind: 'map', key, map: resolveMap(readRawConcat(stream, null), fieldsOf(key), [TEXT]) };
}

function isSelectorStart(stream: TokenStream, context: RuleContext): boolean {
  const next = stream.peek(1);
  if (next.kind !== 'word') return false;
  const place = stream.place;
  const found = readSelector(stream, context);
  stream.returnTo(place);
  return found !== undefined;
}

function readConntrackStatement(stream: TokenStream, context: RuleContext): Statement | undefined {
  const key = stream.peek(1).text;
  if (key === 'count') return readElementStatements(stream);
  if ((key === 'helper' || key === 'timeout' || key === 'expectation') && stream.isWord('set', 2)) {
    stream.next();
    stream.next();
    stream.next();
    return { kind: 'objref', object: `ct ${key}`, name: readObjectName(stream, context) };
  }
  return undefined;
}

/** What begins with an expression: a match, a `vmap`, a `set`. */
function readSelective(stream: TokenStream, context: RuleContext): Statement {
  const start = stream.peek();
  const left = readExpression(stream, context);
  if (stream.takeWord('vmap')) {
    const raw = readRawConcat(stream, null);
    return { kind: 'vmap', key: left, map: resolveMap(raw, fieldsOf(left), [VERDICT]) };
  }
  if (stream.isWord('set') && isTarget(left)) {
    stream.next();
    if (left.kind === 'meta' && left.key === 'secmark' && stream.peek().kind === 'string')
      return { kind: 'objref', object: 'secmark', name: stream.next().text };
    const raw = readRaw(stream, context);
    const value = resolve(raw, fieldsOf(left));
    const [wanted] = fieldsOf(left);
    const given = isConstant(value) ? undefined : fieldsOf(value).at(0);
    if (given && given.type !== 'integer' && wanted.type !== 'integer' && given.type !== wanted.type)
      stream.refuse(`datatype mismatch: expected ${wanted.type}, expression has type ${given.type}`, start);
    return { kind: 'mangle', target: left, value };
  }
  const operator = takeMatchOperator(stream);
  const raw = readRaw(stream, null);
  // `tcp flags syn / fin,syn`: the flags after the slash are looked at, those before it must be set.
  if (stream.takeSign('/')) return makeMatch(left, operator, raw, readRaw(stream, null), start);
  return makeMatch(left, operator, raw, null, start);
}

function isTarget(
  left: Expression,
): left is Extract<Selector, { kind: 'payload' | 'exthdr' | 'tcpOption' | 'meta' }> | Ct {
  return (
    left.kind === 'payload' ||
    left.kind === 'exthdr' ||
    left.kind === 'tcpOption' ||
    left.kind === 'meta' ||
    left.kind === 'ct'
  );
}

function takeMatchOperator(stream: TokenStream): MatchOperator | null {
  const token = stream.peek();
  if (token.kind !== 'sign' && token.kind !== 'word') return null;
  const operator = MATCH_OPERATORS.get(token.text);
  if (operator === undefined) return null;
  stream.next();
  return operator;
}

function readLog(stream: TokenStream): Statement {
  let prefix: string | null = null;
  let level: number | null = null;
  let group: number | null = null;
  let snaplen: number | null = null;
  let queueThreshold: number | null = null;
  const flags = new Set<LogFlag>();
  for (;;) {
    if (stream.takeWord('prefix')) prefix = stream.expectString();
    else if (stream.takeWord('group')) group = stream.expectNumber();
    else if (stream.takeWord('snaplen')) snaplen = stream.expectNumber();
    else if (stream.takeWord('queue-threshold')) queueThreshold = stream.expectNumber();
    else if (stream.takeWord('level')) {
      const token = stream.peek();
      const found = LOG_LEVELS.indexOf(token.text);
      if (token.kind !== 'word' || found < 0) stream.refuse('invalid log level', token);
      level = found === 4 ? null : found;
      stream.next();
    } else if (stream.takeWord('flags')) readLogFlags(stream, flags);
    else break;
  }
  if (prefix !== null && prefix.length > 127) stream.refuse('log prefix is too long');
  return {
    kind: 'log',
    prefix,
    level,
    flags: LOG_FLAG_ORDER.filter((f) => flags.has(f)),
    group,
    snaplen,
    queueThreshold,
  };
}

function readLogFlags(stream: TokenStream, flags: Set<LogFlag>): void {
  switch (stream.expectWord('tcp', 'ip', 'skuid', 'ether', 'all')) {
    case 'tcp':
      do flags.add(stream.expectWord('sequence', 'options') === 'sequence' ? 'tcp sequence' : 'tcp options');
      while (stream.takeSign(','));
      break;
    case 'ip':
      stream.expectWord('options');
      flags.add('ip options');
      break;
    case 'skuid':
      flags.add('skuid');
      break;
    case 'ether':
      flags.add('ether');
      break;
    default:
      for (const flag of LOG_FLAG_ORDER) flags.add(flag);
  }
}

function readReject(stream: TokenStream, context: RuleContext): Reject {
  if (!stream.takeWord('with')) return rejection(context);
  const how = stream.expectWord('icmp', 'icmpv6', 'icmpx', 'tcp');
  if (how === 'tcp') {
    stream.expectWord('reset');
    return { kind: 'reject', with: 'tcp reset', code: 0 };
  }
  stream.takeWord('type');
  const type = how === 'icmp' ? 'icmp_code' : how === 'icmpv6' ? 'icmpv6_code' : 'icmpx_code';
  const token = stream.peek();
  if (how === 'icmpx' && (context.family === 'ip' || context.family === 'ip6'))
    stream.refuse('abstracted ICMP unreachable not supported', token);
  const code = resolve(readRawConcat(stream, null), [{ type, bits: 8 }]);
  if (code.kind !== 'integer') return stream.refuse('expecting a code', token);
  const family = context.addressFamily();
  if ((how === 'icmp' && family === 'ip6') || (how === 'icmpv6' && family === 'ip'))
    stream.refuse(`conflicting network protocol specified: ${how} in ${family}`, token);
  return { kind: 'reject', with: how, code: code.value };
}

function readQueue(stream: TokenStream, context: RuleContext): Statement {
  const flags = new Set<string>();
  const readFlags = (): void => {
    do flags.add(stream.expectWord('bypass', 'fanout'));
    while (stream.takeSign(','));
  };
  if (stream.takeWord('flags')) readFlags();
  let to: Expression = { kind: 'integer', value: 0, type: 'integer' };
  if (stream.takeWord('num') || stream.takeWord('to')) to = resolve(readRawConcat(stream, context), [QUEUE]);
  if (stream.isWord('bypass') || stream.isWord('fanout')) readFlags();
  return { kind: 'queue', to, bypass: flags.has('bypass'), fanout: flags.has('fanout') };
}

function takeFamily(stream: TokenStream): 'ip' | 'ip6' | null {
  if (!stream.isWord('ip') && !stream.isWord('ip6')) return null;
  return stream.next().text as 'ip' | 'ip6';
}

function familyField(family: 'ip' | 'ip6'): KeyField {
  return family === 'ip' ? { type: 'ipv4_addr', bits: 32 } : { type: 'ipv6_addr', bits: 128 };
}

function addressField(context: RuleContext, stream: TokenStream): KeyField {
  const family = context.addressFamily();
  return family
    ? familyField(family)
    : stream.refuse('ip or ip6 must be specified with address for inet tables.');
}

const NAT_FLAGS: readonly NatFlag[] = ['random', 'fully-random', 'persistent'];

function readNat(stream: TokenStream, nat: Nat['nat'], start: Token, context: RuleContext): Statement {
  const inet = context.family === 'inet';
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
  if (stream.takeWord('addr')) {
    stream.expectSign('.');
    stream.expectWord('port');
    addressAndPort = true;
  }
  let address: Expression | null = null;
  let port: Expression | null = null;
  if (stream.takeWord('to')) {
    const family = written ?? context.addressFamily();
    if (!stream.isSign(':') && (nat === 'redirect' || nat === 'masquerade'))
      port = resolve(readRawConcat(stream, context), [PORT]);
    else if (!stream.isSign(':')) {
      if (!family) stream.refuse('ip or ip6 must be specified with address for inet tables.');
      const raw = readRawConcat(stream, context);
      if (raw.node === 'map' && mapsToPort(raw, context)) addressAndPort = true;
      address = resolve(raw, addressAndPort ? [familyField(family), PORT] : [familyField(family)]);
      if (inet && !written) written = family;
    }
    if (stream.takeSign(':')) port = resolve(readRawConcat(stream, context), [PORT]);
    if (port && context.transportProtocol() === null && !context.anyTransport)
      stream.refuse('transport protocol mapping is only valid after transport protocol match', start);
  }
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
  return (
    address.kind === 'map' &&
    address.map.kind === 'set' &&
    address.map.elements.some((e) => e.data?.kind === 'range' || e.data?.kind === 'prefix')
  );
}

function mapsToPort(raw: Raw & { node: 'map' }, context: RuleContext): boolean {
  if (raw.map.node === 'reference') return (context.mapData(raw.map.name)?.length ?? 0) > 1;
  return raw.map.node === 'set' && raw.map.elements.some((e) => e.data?.node === 'concat');
}

function readTproxy(stream: TokenStream, start: Token, context: RuleContext): Statement {
  const family = takeFamily(stream);
  stream.expectWord('to');
  let address: Expression | null = null;
  let port: Expression | null = null;
  if (!stream.isSign(':')) {
    const own = family ?? context.addressFamily();
    if (!own) stream.refuse('ip or ip6 must be specified with address for inet tables.');
    address = resolve(readRawConcat(stream, context), [familyField(own)]);
  }
  if (stream.takeSign(':')) port = resolve(readRawConcat(stream, context), [PORT]);
  if (context.transportProtocol() === null && !context.anyTransport)
    stream.refuse('Transparent proxy support requires transport protocol match', start);
  return { kind: 'tproxy', family: context.family === 'inet' ? family : null, address, port };
}

export function readSynProxy(stream: TokenStream, separators = false): SynProxyValues {
  let mss: number | null = null;
  let wscale: number | null = null;
  let timestamp = false;
  let sackPerm = false;
  for (;;) {
    if (separators) stream.skipSeparators();
    if (stream.takeWord('mss')) mss = stream.expectNumber();
    else if (stream.takeWord('wscale')) wscale = stream.expectNumber();
    else if (stream.takeWord('timestamp')) timestamp = true;
    else if (stream.takeWord('sack-perm')) sackPerm = true;
    else return { mss, wscale, timestamp, sackPerm };
  }
}

function readSetUpdate(
  stream: TokenStream,
  operation: 'add' | 'update' | 'delete',
  context: RuleContext,
): Statement {
  stream.next();
  stream.expectSign('@');
  const set = stream.expectName('the name of a set');
  stream.expectSign('{');
  const key = readExpression(stream, context);
  const options = readElementOptions(stream);
  const data = stream.takeSign(':') ? updateData(stream, context, set) : null;
  stream.expectSign('}');
  return { kind: 'setUpdate', operation, set, key, data, ...options };
}

function updateData(stream: TokenStream, context: RuleContext, set: string): Expression {
  const fields = context.mapData(set);
  return resolve(readRawConcat(stream, context), fields ?? [NUMBER]);
}

/** `set add ip saddr timeout 1m @name`, as it was written before `add @name { … }`. */
function readOldSetUpdate(stream: TokenStream, context: RuleContext): Statement {
  stream.next();
  const operation = stream.expectWord('add', 'update', 'delete');
  const key = readExpression(stream, context);
  const timeout = stream.takeWord('timeout') ? readTime(stream) : null;
  stream.expectSign('@');
  const set = stream.expectName('the name of a set');
  return {
    kind: 'setUpdate',
    operation,
    set,
    key,
    data: null,
    timeout,
    expires: null,
    comment: null,
    statements: [],
  };
}
