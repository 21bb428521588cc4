import { Protocol } from '../../../packet/numbers.js';
import type { Expression, KeyField, LogFlag, Reject, Statement } from '../../../rules/nft/model.js';
import type { RuleContext } from '../context.js';
import { readRawConcat } from './expressions.js';
import type { Token } from './lexer.js';
import { resolve } from './resolve.js';
import type { TokenStream } from './stream.js';
import { LOG_FLAG_ORDER, LOG_LEVELS, rejection } from '../vocabulary.js';

/** `log level audit`, LOG_LEVELS. */
const AUDIT = 8;

const QUEUE: KeyField = { type: 'integer', bits: 16 };

export function readLog(stream: TokenStream): Statement {
  const start = stream.peek();
  let levelAt: Token | null = null;
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
      levelAt = token;
      level = found === 4 ? null : found;
      stream.next();
    } else if (stream.takeWord('flags')) readLogFlags(stream, flags);
    else break;
  }
  if (prefix !== null && prefix.length > 127) stream.refuse('log prefix is too long');
  if (group !== null && levelAt) stream.refuse('level and group are mutually exclusive', levelAt);
  if (group !== null && flags.size > 0) stream.refuse('flags and group are mutually exclusive', start);
  if (level === AUDIT && (prefix !== null || flags.size > 0))
    stream.refuse("log level audit doesn't support any further options", start);
  return {
    kind: 'log',
    prefix,
    level,
    flags: LOG_FLAG_ORDER.filter((f) => flags.has(f)),
    // Sixteen bits of the attribute (NFTA_LOG_GROUP); what only a group has is not kept without one.
    group: group === null ? null : group % 65536,
    snaplen: group === null ? null : snaplen,
    queueThreshold: group === null ? null : queueThreshold,
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

export function readReject(stream: TokenStream, context: RuleContext): Reject {
  const start = stream.peek();
  if (context.family === 'arp' || (context.isOtherEthertype() && !context.listed))
    stream.refuse('cannot reject this network family', start);
  if (!stream.takeWord('with')) return rejection(context);
  const how = stream.expectWord('icmp', 'icmpv6', 'icmpx', 'tcp');
  if (how === 'tcp') {
    stream.expectWord('reset');
    const protocol = context.transportProtocol();
    const other = context.anyTransport || (protocol !== null && protocol !== Protocol.tcp);
    if (other && !context.listed) stream.refuse('you cannot use tcp reset with this protocol', start);
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

export function readQueue(stream: TokenStream, context: RuleContext): Statement {
  const flags = new Set<string>();
  const readFlags = (): void => {
    do flags.add(stream.expectWord('bypass', 'fanout'));
    while (stream.takeSign(','));
  };
  if (stream.takeWord('flags')) readFlags();
  let to: Expression = { kind: 'integer', value: 0, type: 'integer' };
  const start = stream.peek();
  if (stream.takeWord('num')) to = resolve(readRawConcat(stream, null), [QUEUE]);
  else if (stream.takeWord('to')) to = resolve(readRawConcat(stream, context), [QUEUE]);
  if (!isQueueNumber(to)) stream.refuse('a number, a range, numgen, a hash or a map is expected', start);
  if ((to.kind === 'hash' || to.kind === 'numgen') && to.modulus + to.offset - 1 > 65535)
    stream.refuse('queue expression max value exceeds 65535', start);
  if (stream.isWord('bypass') || stream.isWord('fanout')) readFlags();
  if (flags.has('fanout') && to.kind !== 'range')
    stream.refuse('fanout requires a range to be specified', start);
  return { kind: 'queue', to, bypass: flags.has('bypass'), fanout: flags.has('fanout') };
}

function isQueueNumber({ kind }: Expression): boolean {
  return kind === 'integer' || kind === 'range' || kind === 'numgen' || kind === 'hash' || kind === 'map';
}
