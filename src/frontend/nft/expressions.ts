import type { BinaryOperator, Expression, Selector, Verdict } from '../../rules/nft/model.js';
import type { RuleContext } from './context.js';
import type { Token } from './lexer.js';
import type { Raw, RawElement } from './raw.js';
import { combine, fieldsOf, resolve } from './resolve.js';
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
} from './selectors.js';
import { readElementStatements } from './elementStatements.js';
import { EXTENSION_HEADERS } from './headers.js';
import { DEEPEST, type TokenStream } from './stream.js';
import { parseTime } from './time.js';

const OPERATORS: readonly (readonly (readonly [string, BinaryOperator])[])[] = [
  [
    ['|', '|'],
    ['or', '|'],
  ],
  [
    ['^', '^'],
    ['xor', '^'],
  ],
  [
    ['&', '&'],
    ['and', '&'],
  ],
  [
    ['<<', '<<'],
    ['>>', '>>'],
    ['lshift', '<<'],
    ['rshift', '>>'],
  ],
];

function takeOperator(stream: TokenStream, level: number): BinaryOperator | undefined {
  const token = stream.peek();
  if (token.kind !== 'sign' && token.kind !== 'word') return undefined;
  const found = OPERATORS[level].find(([text]) => text === token.text);
  if (!found) return undefined;
  stream.next();
  return found[1];
}

/** A concatenation has at most 16 registers of 32 bits (NFT_REG32_COUNT, linux/netfilter/nf_tables.h). */
const MOST_FIELDS = 16;

/** A left side: selectors, operations with constants, concatenations. */
export function readExpression(stream: TokenStream, context: RuleContext): Expression {
  const first = readLeftOperation(stream, context, 0);
  if (!stream.isSign('.')) return first;
  const parts = [first];
  while (stream.takeSign('.')) {
    if (parts.length === MOST_FIELDS) stream.refuse('Concatenation exceeds maximum size of 512 bits');
    parts.push(readLeftOperation(stream, context, 0));
  }
  return { kind: 'concat', parts };
}

function readLeftOperation(stream: TokenStream, context: RuleContext, level: number): Expression {
  if (level === OPERATORS.length) return readLeftPrimary(stream, context);
  let left = readLeftOperation(stream, context, level + 1);
  let count = 0;
  for (let operator = takeOperator(stream, level); operator; operator = takeOperator(stream, level)) {
    if (++count > DEEPEST) stream.refuse('too many operations');
    const shift = operator === '<<' || operator === '>>';
    const raw = readRawOperation(stream, null, level + 1);
    const fields = shift ? [{ type: 'integer', bits: 32 } as const] : fieldsOf(left);
    left = combine(operator, left, resolve(raw, fields));
  }
  return left;
}

function readLeftPrimary(stream: TokenStream, context: RuleContext): Expression {
  if (stream.takeSign('(')) {
    const inner = stream.nested(() => readExpression(stream, context));
    stream.expectSign(')');
    return inner;
  }
  const start = stream.peek();
  const selector = readSelector(stream, context);
  if (selector) return selector;
  if (start.kind === 'word') return stream.refuse(`${start.text} is no expression or statement`, start);
  return stream.fail(undefined, start);
}

/** A right side, not yet typed. With a context selectors may stand in it (`meta mark set ct mark & 1`). */
export function readRaw(stream: TokenStream, context: RuleContext | null): Raw {
  const at = stream.peek();
  const first = readRawConcat(stream, context);
  if (!stream.isSign(',')) return first;
  const items = [first];
  while (stream.takeSign(',')) {
    stream.skipLines();
    items.push(readRawConcat(stream, context));
  }
  return { node: 'list', items, at };
}

export function readRawConcat(stream: TokenStream, context: RuleContext | null): Raw {
  const at = stream.peek();
  const first = readRawRange(stream, context);
  const joined = stream.isSign('.');
  const parts = [first];
  while (stream.takeSign('.')) parts.push(readRawRange(stream, context));
  const whole: Raw = joined ? { node: 'concat', parts, at } : first;
  if (context && stream.isWord('map')) {
    stream.next();
    return { node: 'map', key: whole, map: readMapRaw(stream), at };
  }
  return whole;
}

function readMapRaw(stream: TokenStream): Raw {
  const raw = readRawPrimary(stream, null);
  if (raw.node !== 'set' && raw.node !== 'reference') stream.refuse('expecting a map', raw.at ?? undefined);
  return raw;
}

function readRawRange(stream: TokenStream, context: RuleContext | null): Raw {
  const at = stream.peek();
  const from = readRawOperation(stream, context, 0);
  if (!stream.isSign('-')) return from;
  stream.next();
  return { node: 'range', from, to: readRawOperation(stream, context, 0), at };
}

function readRawOperation(stream: TokenStream, context: RuleContext | null, level: number): Raw {
  if (level === OPERATORS.length) return readRawPrefix(stream, context);
  const at = stream.peek();
  let left = readRawOperation(stream, context, level + 1);
  let count = 0;
  for (let operator = takeOperator(stream, level); operator; operator = takeOperator(stream, level)) {
    if (++count > DEEPEST) stream.refuse('too many operations');
    left = { node: 'binary', operator, left, right: readRawOperation(stream, context, level + 1), at };
  }
  return left;
}

function readRawPrefix(stream: TokenStream, context: RuleContext | null): Raw {
  const at = stream.peek();
  const base = readRawPrimary(stream, context);
  if (base.node !== 'atom' || !stream.isSign('/') || stream.peek(1).kind !== 'number') return base;
  stream.next();
  return { node: 'prefix', base, length: stream.expectNumber('a prefix length'), at };
}

function readRawPrimary(stream: TokenStream, context: RuleContext | null): Raw {
  const at = stream.peek();
  switch (at.kind) {
    case 'word': {
      const verdict = readVerdict(stream);
      if (verdict) return { node: 'verdict', verdict, at };
      const selector = context && readSelector(stream, context);
      if (selector) return { node: 'selector', expression: selector, at };
      return { node: 'atom', text: stream.next().text, at };
    }
    case 'number':
    case 'address':
    case 'classid':
      return { node: 'atom', text: stream.next().text, at };
    case 'string':
      return { node: 'atom', text: stream.next().text, at };
    case 'sign':
      break;
    default:
      return stream.fail('a value');
  }
  switch (at.text) {
    case '(': {
      stream.next();
      const inner = stream.nested(() => readRaw(stream, context));
      stream.expectSign(')');
      return inner;
    }
    case '{':
      return { node: 'set', elements: readElements(stream), at };
    case '@':
      if (stream.peek(2).kind === 'sign' && stream.peek(2).text === ',' && context) {
        const selector = readSelector(stream, context);
        if (selector) return { node: 'selector', expression: selector, at };
      }
      stream.next();
      return { node: 'reference', name: stream.expectName('the name of a set'), at };
    case '*':
      stream.next();
      return { node: 'wildcard', at };
    case '[': {
      stream.next();
      const inner = readRawPrimary(stream, null);
      stream.expectSign(']');
      return inner;
    }
    default:
      return stream.fail('a value');
  }
}

export function readVerdict(stream: TokenStream): Verdict | undefined {
  const token = stream.peek();
  if (token.kind !== 'word') return undefined;
  switch (token.text) {
    case 'accept':
    case 'drop':
    case 'continue':
    case 'return':
      stream.next();
      return { kind: token.text };
    case 'jump':
    case 'goto':
      stream.next();
      return { kind: token.text, chain: stream.expectName('the name of a chain') };
    default:
      return undefined;
  }
}

/** `{ element, … }`. */
export function readElements(stream: TokenStream): RawElement[] {
  return stream.nested(() => {
    stream.expectSign('{');
    const elements: RawElement[] = [];
    stream.skipLines();
    while (!stream.takeSign('}')) {
      elements.push(readElement(stream));
      stream.skipLines();
      if (stream.takeSign('}')) break;
      if (!stream.takeSign(',')) stream.fail('comma or "}"');
      stream.skipLines();
    }
    return elements;
  });
}

function readElement(stream: TokenStream): RawElement {
  const key = readRawConcat(stream, null);
  const options = readElementOptions(stream);
  stream.skipLines();
  let data: Raw | null = null;
  if (stream.takeSign(':')) {
    stream.skipLines();
    data = readRawConcat(stream, null);
    const after = readElementOptions(stream);
    return { key, data, ...options, comment: after.comment ?? options.comment };
  }
  return { key, data, ...options };
}

/** `timeout 1h expires 5m counter packets 1 bytes 2 comment "x"` after an element. */
export function readElementOptions(stream: TokenStream): Omit<RawElement, 'key' | 'data'> {
  let timeout: number | null = null;
  let expires: number | null = null;
  let comment: string | null = null;
  const statements = [];
  for (;;) {
    if (stream.takeWord('timeout')) timeout = readTime(stream);
    else if (stream.takeWord('expires')) expires = readTime(stream);
    else if (stream.takeWord('comment')) comment = stream.expectString();
    else {
      const statement = readElementStatements(stream);
      if (!statement) break;
      statements.push(statement);
    }
  }
  return { timeout, expires, comment, statements };
}

export function readTime(stream: TokenStream): number {
  const token = stream.peek();
  const time = token.kind === 'number' || token.kind === 'string' ? parseTime(token.text) : undefined;
  if (time === undefined) return stream.fail('a time');
  stream.next();
  return time;
}

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
      ? found.protocol
      : found.kind === 'sctpChunk'
        ? 'sctp'
        : found.kind === 'ipOption'
          ? 'ip'
          : found.kind === 'exthdr'
            ? 'ip6'
            : null;
  const against = header === null ? undefined : context.enter(header);
  if (against !== undefined)
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
      if (found.key === 'nfproto' && (context.family === 'ip' || context.family === 'ip6'))
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
      const family = stream.takeWord('ip') ? 'ip' : stream.takeWord('ip6') ? 'ip6' : null;
      return (
        ipsec(direction, spnum, stream.expectName('a key of ipsec'), family) ??
        stream.refuse('no such key of ipsec', start)
      );
    }
    case 'numgen': {
      const mode = stream.expectWord('inc', 'random');
      const { modulus, offset } = readModulus(stream);
      return numgen(mode, modulus, offset);
    }
    case 'jhash':
    case 'symhash': {
      const expression = name === 'jhash' ? stream.nested(() => readExpression(stream, context)) : null;
      const { modulus, seed, offset } = readModulus(stream);
      return hash(name, expression, modulus, seed, offset);
    }
    case 'exthdr': {
      const header = stream.expectName('an extension header');
      return extensionHeader(header, null) ?? stream.refuse(`${header} is no extension header`, start);
    }
    case 'rt': {
      const family =
        stream.isWord('ip') || stream.isWord('ip6') ? (stream.next().text as 'ip' | 'ip6') : null;
      const key = stream.peek().text;
      const found = route(key, family, context) ?? extensionHeader('rt', key);
      if (!found) return stream.refuse(`${key.trim()} is no key of rt`);
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
  if (isShortMeta(name) && !stream.isSign(':')) return metaKey(name);
  return undefined;
}

function readHeaderField(
  stream: TokenStream,
  header: string,
  start: Token,
  context: RuleContext,
): Selector | undefined {
  const token = stream.peek();
  const field = token.text;
  if (token.kind !== 'word')
    return header === 'ip' || header === 'tcp' || header === 'udp' ? undefined : stream.fail('a field');
  if (field === 'option' && (header === 'tcp' || header === 'ip')) {
    stream.next();
    return readOption(stream, header);
  }
  if (header === 'sctp' && field === 'chunk') {
    stream.next();
    const name = stream.expectName('a chunk');
    const part =
      stream.isWord('exists') || stream.isWord('missing') ? null : stream.expectName('a field of a chunk');
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
  const known = header === 'th' ? (context.transportHeader() ?? header) : header;
  const found = payloadField(known, field) ?? payloadField(header, field);
  if (!found) return stream.refuse(`${field} is no field of ${header}`, token);
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
  return rawSelector(base.text, offset, bits, context) ?? stream.refuse('no such raw payload', start);
}

function readConntrack(stream: TokenStream, context: RuleContext): Selector | undefined {
  const start = stream.peek();
  const direction =
    stream.isWord('original') || stream.isWord('reply') ? (stream.next().text as 'original' | 'reply') : null;
  const family =
    direction !== null && (stream.isWord('ip') || stream.isWord('ip6'))
      ? (stream.next().text as 'ip' | 'ip6')
      : null;
  const key = stream.expectName('a key of ct');
  return conntrack(key, direction, family, context) ?? stream.refuse(`${key} is no key of ct here`, start);
}

function readFib(stream: TokenStream): Selector | undefined {
  const start = stream.peek();
  const flags = [stream.expectName('saddr, daddr, mark, iif or oif')];
  while (stream.takeSign('.')) flags.push(stream.expectName('saddr, daddr, mark, iif or oif'));
  const result = stream.expectWord('oif', 'oifname', 'type');
  const found = fib(flags, result) ?? stream.refuse('no such question to fib', start);
  const present = stream.isWord('exists') || stream.isWord('missing');
  return found.kind === 'fib' && present ? { ...found, present: true } : found;
}

function readModulus(stream: TokenStream): { modulus: number; seed: number | null; offset: number } {
  stream.expectWord('mod');
  const modulus = stream.expectNumber();
  const seed = stream.takeWord('seed') ? stream.expectNumber() : null;
  const offset = stream.takeWord('offset') ? stream.expectNumber() : 0;
  return { modulus, seed, offset };
}
