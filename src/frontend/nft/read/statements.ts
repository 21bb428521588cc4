import type {
  Expression,
  KeyField,
  MatchOperator,
  ObjectType,
  Statement,
  SynProxyValues,
  Verdict,
} from '../../../rules/nft/model.js';
import type { RuleContext } from '../context.js';
import { readElementStatements } from './elementStatements.js';
import { readLog, readQueue, readReject } from './endings.js';
import { readExpression, readRaw, readRawConcat, readVerdict } from './expressions.js';
import type { Token } from './lexer.js';
import { lostComparison } from './lost.js';
import { makeMatch } from './matching.js';
import { addressField, familyField, readNat, readTproxy, takeFamily } from './natStatements.js';
import { readSelector } from './readSelector.js';
import { againstMangle, isTarget } from './mangling.js';
import { fieldsOf, resolve, resolveMap } from './resolve.js';
import { readMeter, readOldSetUpdate, readSetUpdate } from './setUpdates.js';
import type { TokenStream } from './stream.js';
import { EXTENSION } from '../vocabulary.js';

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
const DEVICE: KeyField = { type: 'iface_index', bits: 32 };
const TEXT: KeyField = { type: 'string', bits: 0 };

/** One statement of a rule. */
export function readStatement(stream: TokenStream, context: RuleContext): Statement {
  const start = stream.peek();
  const verdict = readBound(stream, context) ?? readVerdict(stream);
  if (verdict) return { kind: 'verdict', verdict };
  if (start.kind === 'word') {
    const simple = readNamed(stream, start, context);
    if (simple) return simple;
  }
  return readSelective(stream, context);
}

/** `jump { … }`: a chain of this rule alone (`chain_stmt` of src/parser_bison.y of nftables). */
function readBound(stream: TokenStream, { bindChain }: RuleContext): Verdict | undefined {
  const kind = stream.isWord('jump') ? 'jump' : stream.isWord('goto') ? 'goto' : null;
  if (kind === null || !bindChain || !stream.isSign('{', 1)) return undefined;
  stream.next();
  return { kind, chain: stream.nested(bindChain) };
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
      if (context.family !== 'ip' && context.family !== 'ip6' && context.family !== 'inet')
        stream.refuse('synproxy is only supported for IPv4/IPv6', start);
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
      if (!netdev && context.family !== 'ip' && context.family !== 'ip6')
        stream.refuse('unsupported family', start);
      if (netdev)
        return { kind: 'dup', address: null, device: resolve(readRawConcat(stream, context), [DEVICE]) };
      const address = resolve(readRawConcat(stream, context), [addressField(context, stream)]);
      const device = stream.takeWord('device') ? resolve(readRawConcat(stream, context), [DEVICE]) : null;
      return { kind: 'dup', address, device };
    }
    case 'fwd': {
      stream.next();
      if (context.family !== 'netdev') stream.refuse('unsupported family', start);
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
    case 'meter':
      return readMeter(stream, context);
    case 'xt':
      return stream.refuse(EXTENSION, start);
    case 'tunnel':
      return stream.refuse('tunnel: what a device of tunnels knows of a packet is in no capture', start);
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
  if (left.kind === 'inner' && stream.isWord('set'))
    stream.refuse('payload statement for this expression is not supported', start);
  if (stream.isWord('set') && isTarget(left)) {
    stream.next();
    if (
      left.kind === 'meta' &&
      left.key === 'secmark' &&
      !stream.isWord('ct') &&
      stream.peek().kind !== 'newline'
    )
      return { kind: 'objref', object: 'secmark', name: readObjectName(stream, context) };
    if (stream.isSign('{')) stream.fail('a value');
    const labels = left.kind === 'ct' && left.key === 'label';
    const raw = labels ? readRawConcat(stream, context) : readRaw(stream, context);
    const value = resolve(raw, fieldsOf(left));
    const against = againstMangle(left, value, context);
    if (against !== undefined) stream.refuse(against, start);
    return { kind: 'mangle', target: left, value };
  }
  const operator = takeMatchOperator(stream);
  const raw = readRaw(stream, null);
  const lost = context.listed ? lostComparison(left, operator, raw) : undefined;
  if (lost) return lost;
  // `tcp flags syn / fin,syn`: the flags after the slash are looked at, those before it must be set.
  const mask = stream.takeSign('/') ? readRaw(stream, null) : null;
  if (mask && left.kind === 'binary') stream.refuse('flags with a mask are those of a field', start);
  if (left.kind === 'ct' && (left.key === 'event' || left.key === 'secmark') && !context.listed)
    stream.refuse(`ct ${left.key} can be set only`, start);
  if (left.kind === 'meta' && left.key === 'nftrace' && !context.listed)
    stream.refuse('meta nftrace can be set only', start);
  return makeMatch(left, operator, raw, mask, start);
}

function takeMatchOperator(stream: TokenStream): MatchOperator | null {
  const token = stream.peek();
  if (token.kind !== 'sign' && token.kind !== 'word') return null;
  const operator = MATCH_OPERATORS.get(token.text);
  if (operator === undefined) return null;
  stream.next();
  return operator;
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
    else break;
  }
  // Both go to the kernel where one is given, the size in sixteen bits (NFTA_SYNPROXY_MSS).
  if (mss === null && wscale === null) return { mss, wscale, timestamp, sackPerm };
  return { mss: (mss ?? 0) % 65536, wscale: (wscale ?? 0) % 256, timestamp, sackPerm };
}
