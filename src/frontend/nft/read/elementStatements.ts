import type {
  ConnectionLimit,
  Counter,
  Last,
  Limit,
  Quota,
  QuotaValues,
  Rate,
  Statement,
  TimeUnit,
} from '../../../rules/nft/model.js';
import type { TokenStream } from './stream.js';
import { parseTime } from '../time.js';

const BYTE_UNITS = new Map([
  ['bytes', 1],
  ['kbytes', 1024],
  ['mbytes', 1024 * 1024],
]);

export function byteUnit(name: string): number | undefined {
  return BYTE_UNITS.get(name);
}

/** The statements that a set's elements may have too; nothing is taken where none begins. */
export function readElementStatements(stream: TokenStream): Statement | undefined {
  const token = stream.peek();
  if (token.kind !== 'word') return undefined;
  switch (token.text) {
    case 'counter':
      stream.next();
      return readCounter(stream);
    case 'limit':
      stream.next();
      return { kind: 'limit', ...readRate(stream) } satisfies Limit;
    case 'quota':
      stream.next();
      return { kind: 'quota', ...readQuota(stream) } satisfies Quota;
    case 'last':
      stream.next();
      return readLast(stream);
    case 'ct':
      if (!stream.isWord('count', 1)) return undefined;
      stream.next();
      stream.next();
      return readConnectionLimit(stream);
    default:
      return undefined;
  }
}

export function readConnectionLimit(stream: TokenStream): ConnectionLimit {
  const over = stream.takeWord('over');
  return { kind: 'connlimit', count: stream.expectNumber(), over };
}

/** `packets N bytes M`, one of them, or nothing. */
export function readCounterValues(stream: TokenStream): { packets: number; bytes: number } {
  const packets = stream.takeWord('packets') ? stream.expectNumber() : 0;
  const bytes = stream.takeWord('bytes') ? stream.expectNumber() : 0;
  return { packets, bytes };
}

function readCounter(stream: TokenStream): Counter {
  return { kind: 'counter', ...readCounterValues(stream) };
}

function readLast(stream: TokenStream): Last {
  if (!stream.takeWord('used') || stream.takeWord('never')) return { kind: 'last', used: null };
  const used = parseTime(stream.peek().text);
  if (used === undefined) return stream.fail('a time');
  stream.next();
  return { kind: 'last', used };
}

const SECONDS: Record<TimeUnit, number> = { second: 1, minute: 60, hour: 3600, day: 86_400, week: 604_800 };

function isTimeUnit(text: string): text is TimeUnit {
  return text === 'second' || text === 'minute' || text === 'hour' || text === 'day' || text === 'week';
}

/** After `limit`: `rate [over] N/second [burst N packets]`, `rate [over] N kbytes/second [burst N mbytes]`. */
export function readRate(stream: TokenStream): Rate {
  stream.expectWord('rate');
  const over = stream.takeWord('over');
  const number = stream.expectNumber();
  let factor: number | undefined;
  let unit: string;
  if (stream.takeSign('/')) unit = stream.expectName('a unit of time');
  else {
    // `kbytes/second` is one word to the scanner.
    const [bytes, time] = stream.expectName('/ or a unit of bytes').split('/');
    factor = byteUnit(bytes) ?? stream.fail('bytes, kbytes or mbytes');
    unit = time ?? (stream.takeSign('/') ? stream.expectName('a unit of time') : stream.fail('/'));
  }
  if (!isTimeUnit(unit)) stream.refuse('expecting second, minute, hour, day or week');
  const of = factor === undefined ? 'packets' : 'bytes';
  if (number === 0) stream.refuse('limit rate must be > 0');
  const burst = readBurst(stream, of);
  const rate = number * (factor ?? 1);
  // `nft_limit_init()`: the tokens of a byte limit are the nanoseconds of its unit times rate and burst, in 64 bits.
  if (of === 'bytes' && (rate + burst) * SECONDS[unit] * 1e9 >= 2 ** 64)
    stream.refuse('Value too large for defined data type');
  return { rate, per: unit, burst, over, of };
}

function readBurst(stream: TokenStream, of: 'packets' | 'bytes'): number {
  if (!stream.takeWord('burst')) return of === 'packets' ? 5 : 0;
  const at = stream.peek();
  const burst = stream.expectNumber();
  if (of === 'packets') {
    stream.expectWord('packets');
    if (burst === 0) stream.refuse('packet limit burst must be > 0', at);
    return burst;
  }
  const unit = byteUnit(stream.expectName('a unit of bytes'));
  return unit === undefined ? stream.fail('bytes, kbytes or mbytes') : burst * unit;
}

/** After `quota`: `[over|until] N mbytes [used N kbytes]`. */
export function readQuota(stream: TokenStream): QuotaValues {
  const over = stream.takeWord('over');
  if (!over) stream.takeWord('until');
  const bytes = readBytes(stream);
  const used = stream.takeWord('used') ? readBytes(stream) : 0;
  return { bytes, over, used };
}

function readBytes(stream: TokenStream): number {
  const number = stream.expectNumber();
  const unit = byteUnit(stream.peek().text);
  if (unit === undefined) return stream.fail('bytes, kbytes or mbytes');
  stream.next();
  return number * unit;
}
