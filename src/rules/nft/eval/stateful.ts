import type { Packet } from '../../../packet/packet.js';
import type { Context } from '../../context.js';
import { HZ, jiffies } from '../../jiffies.js';
import { type ConnectionList, countConnection } from '../../matches/connlimit.js';
import { Outcome, Verdict } from '../../verdict.js';
import type { ConnectionLimit, Counter, Last, QuotaValues, Rate, Statement, TimeUnit } from '../model.js';
import { Flow, type RunningStatement, type StatementResult } from './result.js';

/** What remembers between packets, a statement of a rule or a named object: one behaviour for both. */
export interface Stateful<T> {
  readonly run: (packet: Packet, context: Context) => StatementResult;
  /** What a test saw. */
  readonly saw?: () => string;
  readonly listed: (now: number) => T;
  /** It has nothing left to remember: what a set's gc looks for in its elements. */
  readonly idle?: () => boolean;
}

/** `nft_counter_do_eval()`. */
export function counter<T extends Pick<Counter, 'packets' | 'bytes'>>(from: T): Stateful<T> {
  let { packets, bytes } = from;
  return {
    run(packet) {
      packets++;
      bytes += packet.length;
      return Flow.continue;
    },
    listed: () => ({ ...from, packets, bytes }),
  };
}

const SECONDS: Record<TimeUnit, number> = { second: 1, minute: 60, hour: 3600, day: 86_400, week: 604_800 };
/** NFT_LIMIT_PKT_BURST_DEFAULT (net/netfilter/nft_limit.c). */
const DEFAULT_BURST = 5;

/**
 * A bucket of nanoseconds: `nft_limit_eval()` (net/netfilter/nft_limit.c). It is full when the rule is loaded, and
 * was so when the capture began as far as anybody knows.
 */
export function limit<T extends Rate>(from: T): Stateful<T> {
  const { rate, over, of } = from;
  const packets = of === 'packets';
  const period = SECONDS[from.per] * 1e9;
  const burst = packets && from.burst === 0 ? DEFAULT_BURST : from.burst;
  const share = rate === 0 ? Infinity : Math.floor(period / rate);
  const most = packets ? share * burst : Math.floor((period * (rate + burst)) / rate);
  let tokens = most;
  let last: number | null = null;
  return {
    run(packet, context) {
      tokens = Math.min(most, tokens + context.now - (last ?? context.now));
      last = context.now;
      const cost = packets ? share : Math.floor((period * packet.length) / rate);
      const left = tokens - cost;
      if (left >= 0) tokens = left;
      return left >= 0 !== over ? Flow.continue : Flow.break;
    },
    saw: () =>
      packets ? `${Math.floor(tokens / share)} left` : `${Math.floor((tokens * rate) / period)} bytes left`,
    listed: () => from,
  };
}

/** `nft_overquota()` (net/netfilter/nft_quota.c) as of Linux 6.16: a packet that just fits is within the quota. */
export function quota<T extends QuotaValues>(from: T): Stateful<T> {
  let consumed = from.used;
  return {
    run(packet) {
      consumed += packet.length;
      return consumed > from.bytes === from.over ? Flow.continue : Flow.break;
    },
    saw: () => `${consumed} bytes used`,
    listed: () => ({ ...from, used: Math.min(consumed, from.bytes) }),
  };
}

/** `nft_connlimit_do_eval()` (net/netfilter/nft_connlimit.c). */
export function connectionLimit(from: ConnectionLimit): Stateful<ConnectionLimit> {
  const list: ConnectionList = { tuples: [], cleanedAt: -1, heldThen: 0 };
  let world: Context | null = null;
  return {
    run(packet, context) {
      const { connection } = context;
      world = context;
      const tuple = connection ? connection.original : context.tupleOf(packet);
      if (!tuple) return Verdict.drop;
      countConnection(list, connection, tuple, context);
      return list.tuples.length > from.count === from.over ? Flow.continue : Flow.break;
    },
    saw: () => `${list.tuples.length} connections`,
    idle: () => list.tuples.every(({ tuple, zone }) => !world?.findConnection(tuple, zone)),
    listed: () => from,
  };
}

/** `nft_last_eval()`. */
export function last(from: Last): Stateful<Last> {
  let at: number | null = from.used === null ? null : -from.used * 1e6;
  return {
    run(_, context) {
      at = context.now;
      return Flow.continue;
    },
    listed: (now) => ({ ...from, used: at === null ? null : (jiffies(now) - jiffies(at)) * (1000 / HZ) }),
  };
}

/** A stateful part as the statement of a rule. @param text as it is listed, of what is a test */
export function asStatement<T extends Statement>(
  statement: T,
  state: Stateful<T>,
  text?: string,
): RunningStatement {
  const { run, listed, saw, idle } = state;
  if (!saw || text === undefined) return { statement, run, listed, idle };
  return {
    statement,
    run,
    listed,
    idle,
    explain: (_packet, _context, result) => [
      {
        name: statement.kind,
        field: 'count',
        wanted: text,
        saw: saw(),
        outcome: result === Flow.break ? Outcome.miss : Outcome.hit,
      },
    ],
  };
}
