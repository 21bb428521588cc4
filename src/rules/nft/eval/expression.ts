import type { Packet } from '../../../packet/packet.js';
import type { Context } from '../../context.js';
import type { BinaryOperator, Expression, Nat, SetExpression, SetReference, Verdict } from '../model.js';
import { operate, operateWide } from '../operate.js';
import { readCt } from './ct.js';
import { elementSeen, isChosen, type Way } from './evidence.js';
import { readFib, readRoute } from './fib.js';
import { innerReader } from './inner.js';
import { readMeta } from './meta.js';
import { incrementing, jhash, layoutOf, random } from './numbers.js';
import { readExtensionHeader, readIpOption, readSctpChunk, readTcpOption } from './options.js';
import { payloadReader } from './payload.js';
import { readFingerprint } from './osf.js';
import { readSocket } from './socket.js';
import type { Element, LiveSet } from './set.js';
import { patternOf, type Read, type Scalar } from './value.js';

/** Reads an expression from a packet; made once a rule. */
export type Reader = (packet: Packet, context: Context) => Read;

/** What expressions of a table look into. */
export interface Lookup {
  /** An anonymous set or one of the table's; null: the table has none of that name. */
  set(of: SetExpression | SetReference): LiveSet | null;
  /** The NAT statements that a verdict can come to. */
  behind(verdict: Verdict): readonly Nat[];
  /** A new set that rules fill, for keys like this. */
  meter(key: Expression, size: number): LiveSet;
}

const UNKNOWN: Reader = () => null;

export function reader(expression: Expression, lookup: Lookup): Reader {
  switch (expression.kind) {
    case 'payload':
      return payloadReader(expression);
    case 'inner':
      return innerReader(expression);
    case 'meta':
      return (packet, context) => readMeta(expression, packet, context);
    case 'ct':
      return (_, context) => readCt(expression, context);
    case 'fib':
      return (packet, context) => readFib(expression, packet, context);
    case 'rt':
      return (packet, context) => readRoute(expression, packet, context);
    case 'tcpOption':
      return (packet) => readTcpOption(expression, packet);
    case 'ipOption':
      return (packet) => readIpOption(expression, packet);
    case 'exthdr':
      return (packet) => readExtensionHeader(expression, packet);
    case 'numgen': {
      if (expression.mode === 'random') return (_, context) => random(expression, context);
      const next = incrementing(expression);
      return () => next();
    }
    case 'hash': {
      // symhash hangs on a secret of the kernel.
      if (!expression.expression || expression.algorithm === 'symhash') return UNKNOWN;
      const inner = expression.expression;
      const layouts = (inner.kind === 'concat' ? inner.parts : [inner]).map(layoutOf);
      const read = fieldsReader(inner, lookup);
      return (packet, context) => {
        const fields = read(packet, context);
        return fields ? jhash(expression, fields, layouts) : fields;
      };
    }
    case 'binary':
      return operation(
        expression.operator,
        reader(expression.left, lookup),
        reader(expression.right, lookup),
      );
    case 'concat':
      return fieldsReader(expression, lookup);
    case 'map':
      return mapReader(expression.key, expression.map, lookup);
    case 'sctpChunk':
      return (packet) => readSctpChunk(expression, packet);
    case 'socket':
      return (packet, context) => readSocket(expression, packet, context);
    case 'osf':
      return readFingerprint;
    case 'ipsec':
      // `nft_xfrm_get_eval()` (net/netfilter/nft_xfrm.c): nothing in the inputs tells of transformations; without one the rule ends.
      return () => undefined;
    case 'set':
    case 'setReference':
      return UNKNOWN;
    default: {
      const pattern = patternOf(expression);
      return pattern?.kind === 'value' ? () => pattern.value : UNKNOWN;
    }
  }
}

/** What a key reads as, a scalar a field. */
export type FieldsReader = (packet: Packet, context: Context) => readonly Scalar[] | undefined | null;

export function fieldsReader(key: Expression, lookup: Lookup): FieldsReader {
  if (key.kind !== 'concat') {
    const read = reader(key, lookup);
    return (packet, context) => {
      const value = read(packet, context);
      if (value === undefined || value === null) return value;
      return Array.isArray(value) ? (value as readonly Scalar[]) : [value as Scalar];
    };
  }
  const readers = key.parts.map((part) => reader(part, lookup));
  return (packet, context) => {
    const fields: Scalar[] = [];
    let known = true;
    for (const read of readers) {
      const value = read(packet, context);
      if (value === undefined) return undefined;
      if (value === null) known = false;
      else if (Array.isArray(value)) fields.push(...(value as readonly Scalar[]));
      else fields.push(value as Scalar);
    }
    return known ? fields : null;
  };
}

function operation(operator: BinaryOperator, left: Reader, right: Reader): Reader {
  return (packet, context) => {
    const a = left(packet, context);
    const b = right(packet, context);
    if (a === undefined || b === undefined) return undefined;
    if (a === null || b === null) return null;
    if (typeof a === 'number' && typeof b === 'number' && a < 2 ** 32 && b < 2 ** 32)
      return operate(operator, a, b);
    if (typeof a === 'string' || typeof b === 'string' || typeof a === 'object' || typeof b === 'object')
      return null;
    const wide = operateWide(operator, BigInt(a), BigInt(b));
    return typeof a === 'number' ? Number(wide) : wide;
  };
}

/** The element that a key finds; undefined and null as for values. */
export type ElementReader = (packet: Packet, context: Context) => Element | undefined | null;

/** `nft_lookup_eval()` (net/netfilter/nft_lookup.c): its own statements are the caller's to run. @param see is told the key @param ways what an element leads to, where it may be chosen by what was seen */
export function elementReader(
  key: Expression,
  of: SetExpression | SetReference,
  lookup: Lookup,
  see?: (fields: readonly Scalar[] | undefined | null) => void,
  ways?: (element: Element) => readonly Way[],
): ElementReader {
  const set = lookup.set(of);
  // A set that is not there makes the answer unknown, whatever the key.
  if (!set) return () => null;
  const read = fieldsReader(key, lookup);
  const chosen = ways !== undefined && isChosen(key);
  return (packet, context) => {
    const known = chosen ? elementSeen(set, ways, packet, context) : null;
    if (known) {
      see?.(null);
      return known;
    }
    const fields = read(packet, context);
    see?.(fields);
    if (!fields) return fields;
    return set.find(fields, context.now) ?? undefined;
  };
}

function mapReader(key: Expression, of: SetExpression | SetReference, lookup: Lookup): Reader {
  const find = elementReader(key, of, lookup);
  return (packet, context) => {
    const element = find(packet, context);
    if (!element) return element;
    return element.data;
  };
}
