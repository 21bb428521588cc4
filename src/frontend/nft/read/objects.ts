import type { NftFlowtable, NftObject, ObjectType } from '../../../rules/nft/model.js';
import type { Family } from '../../../rules/model.js';
import { parseProtocol } from '../../../rules/protocols.js';
import { readCounterValues, readQuota, readRate } from './elementStatements.js';
import { readTime } from './expressions.js';
import { priorityValue } from '../priorities.js';
import { readSynProxy } from './statements.js';
import type { TokenStream } from './stream.js';

const OBJECTS: readonly string[] = ['counter', 'quota', 'limit', 'secmark', 'synproxy'];

/** The type of a stateful object whose keywords stand here, which are taken; undefined where none do. */
export function takeObjectType(stream: TokenStream): ObjectType | undefined {
  const token = stream.peek();
  if (token.kind !== 'word') return undefined;
  if (OBJECTS.includes(token.text)) {
    stream.next();
    return token.text as ObjectType;
  }
  if (token.text !== 'ct') return undefined;
  stream.next();
  return `ct ${stream.expectWord('helper', 'timeout', 'expectation')}` as ObjectType;
}

/** The block of an object, from its brace on; commands may leave the braces away. */
export function readObject(stream: TokenStream, type: ObjectType, name: string, family: Family): NftObject {
  const braces = stream.takeSign('{');
  let comment: string | null = null;
  const separators = (): void => {
    if (!braces) return;
    stream.skipSeparators();
    if (stream.isWord('comment')) {
      stream.next();
      comment = stream.expectString();
      stream.skipSeparators();
    }
  };
  separators();
  const values = readValues(stream, type, family, separators);
  separators();
  if (braces) stream.expectSign('}');
  return { ...values, name, handle: null, comment };
}

type Values = NftObject extends infer O
  ? O extends NftObject
    ? Omit<O, 'name' | 'handle' | 'comment'>
    : never
  : never;

function readValues(stream: TokenStream, type: ObjectType, family: Family, separators: () => void): Values {
  switch (type) {
    case 'counter':
      return { kind: type, ...readCounterValues(stream) };
    case 'quota':
      return { kind: type, ...readQuota(stream) };
    case 'limit':
      return { kind: type, ...readRate(stream) };
    case 'secmark':
      return { kind: type, context: stream.expectString() };
    case 'synproxy':
      return { kind: type, ...readSynProxy(stream, true) };
    default:
      return readConntrackObject(stream, type, family, separators);
  }
}

function readConntrackObject(
  stream: TokenStream,
  type: 'ct helper' | 'ct timeout' | 'ct expectation',
  family: Family,
  separators: () => void,
): Values {
  let helper = '';
  let protocol = 0;
  let l3proto: 'ip' | 'ip6' | 'inet' = family === 'ip6' ? 'ip6' : family === 'ip' ? 'ip' : 'inet';
  let dport = 0;
  let timeout = 0;
  let size = 0;
  let policy = new Map<string, number>();
  for (separators(); ; separators()) {
    if (stream.takeWord('type')) helper = stream.expectString();
    else if (stream.takeWord('protocol')) {
      const token = stream.peek();
      protocol = parseProtocol(token.text) ?? stream.fail('a protocol');
      stream.next();
    } else if (stream.takeWord('l3proto')) l3proto = stream.expectWord('ip', 'ip6', 'inet');
    else if (stream.takeWord('dport')) dport = stream.expectNumber();
    else if (stream.takeWord('timeout')) timeout = readTime(stream);
    else if (stream.takeWord('size')) size = stream.expectNumber();
    else if (stream.takeWord('policy')) policy = readPolicy(stream);
    else break;
  }
  switch (type) {
    case 'ct helper':
      return { kind: type, helper, protocol, l3proto };
    case 'ct timeout':
      return { kind: type, protocol, l3proto, policy };
    case 'ct expectation':
      return { kind: type, protocol, dport, timeout, size, l3proto };
  }
}

function readPolicy(stream: TokenStream): Map<string, number> {
  const policy = new Map<string, number>();
  stream.expectSign('=');
  stream.expectSign('{');
  stream.skipLines();
  while (!stream.takeSign('}')) {
    const state = stream.expectName('a state');
    stream.expectSign(':');
    policy.set(state, readTime(stream) / 1000);
    stream.takeSign(',');
    stream.skipLines();
    if (stream.atEnd()) stream.fail('"}"');
  }
  return policy;
}

/** The block of a flowtable, from its brace on. */
export function readFlowtable(stream: TokenStream, name: string, family: Family): NftFlowtable {
  let priority = 0;
  let devices: readonly string[] = [];
  let offload = false;
  let counter = false;
  stream.expectSign('{');
  for (stream.skipSeparators(); !stream.takeSign('}'); stream.skipSeparators()) {
    if (stream.takeWord('hook')) {
      stream.expectWord('ingress');
      stream.expectWord('priority');
      priority = readPriority(stream, family, 'ingress');
    } else if (stream.takeWord('devices')) {
      stream.expectSign('=');
      devices = readDevices(stream);
    } else if (stream.takeWord('flags')) {
      stream.expectWord('offload');
      offload = true;
    } else if (stream.takeWord('counter')) counter = true;
    else stream.fail('hook, devices, flags or counter');
  }
  return { name, handle: null, priority, devices, offload, counter };
}

export function readDevices(stream: TokenStream): string[] {
  const devices: string[] = [];
  stream.expectSign('{');
  stream.skipLines();
  while (!stream.takeSign('}')) {
    devices.push(stream.expectName('an interface'));
    stream.skipLines();
    if (!stream.takeSign(',') && !stream.isSign('}')) stream.fail('comma or "}"');
    stream.skipLines();
  }
  return devices;
}

/** After `priority`: a number, or a name with an offset. */
export function readPriority(stream: TokenStream, family: Family, hook: string): number {
  const token = stream.peek();
  let base = 0;
  if (token.kind === 'word') {
    base =
      priorityValue(token.text, family, hook) ??
      stream.refuse(`invalid priority expression '${token.text}' in this context.`, token);
    stream.next();
    if (!stream.isSign('+') && !stream.isSign('-')) return base;
  }
  const negative = stream.takeSign('-');
  if (!negative) stream.takeSign('+');
  const number = stream.expectNumber();
  return base + (negative ? -number : number);
}
