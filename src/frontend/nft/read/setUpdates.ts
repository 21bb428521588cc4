import type { Expression, KeyField, Statement } from '../../../rules/nft/model.js';
import type { RuleContext } from '../context.js';
import { readElementOptions, readExpression, readKey, readRawConcat, readTime } from './expressions.js';
import { resolve } from './resolve.js';
import type { TokenStream } from './stream.js';

const NUMBER: KeyField = { type: 'integer', bits: 32 };

export function readSetUpdate(
  stream: TokenStream,
  operation: 'add' | 'update' | 'delete',
  context: RuleContext,
): Statement {
  stream.next();
  stream.expectSign('@');
  const set = stream.expectName('the name of a set');
  stream.expectSign('{');
  const key = readKey(stream, context, set);
  const options = readElementOptions(stream);
  if (options.comment !== null) stream.refuse('Key expression comments are not supported');
  const data = stream.takeSign(':') ? updateData(stream, context, set) : null;
  stream.expectSign('}');
  return { kind: 'setUpdate', operation, set, key, data, ...options };
}

function updateData(stream: TokenStream, context: RuleContext, set: string): Expression {
  const fields = context.mapData(set);
  return resolve(readRawConcat(stream, context), fields ?? [NUMBER]);
}

/** What a meter holds unless it says so. */
const METER_SIZE = 65_535;

/** `meter NAME [size N] { key statements }`. */
export function readMeter(stream: TokenStream, context: RuleContext): Statement {
  stream.next();
  const set = stream.expectName('the name of a meter');
  const meterSize = stream.takeWord('size') ? stream.expectNumber() : METER_SIZE;
  stream.expectSign('{');
  const key = readExpression(stream, context);
  const options = readElementOptions(stream);
  stream.expectSign('}');
  return { kind: 'setUpdate', operation: 'add', set, key, data: null, meterSize, ...options };
}

/** `set add ip saddr timeout 1m @name`, as it was written before `add @name { … }`. */
export function readOldSetUpdate(stream: TokenStream, context: RuleContext): Statement {
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
