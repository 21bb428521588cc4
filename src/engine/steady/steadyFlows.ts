import { Protocol } from '../../packet/numbers.js';
import { CtStatus, Direction } from '../../rules/connection.js';
import type { ConnectionEntry } from '../conntrack/entry.js';
import { NOWHERE } from '../conntrack/rows.js';
import { NOT_STEADY, steadyTimeout } from '../conntrack/steady.js';
import { account } from '../conntrack/verdict.js';
import type { Tracker } from '../conntrack/tracker.js';
import type { ExpectedFrames } from '../evidence/expected.js';
import type { CommonWays } from './commonWays.js';
import { type FlowPath, TRANSLATED } from './flowPath.js';
import type { Program } from '../walk/program.js';
import type { Glimpse } from './glimpse.js';
import type { Ways } from './ways.js';

/*
 * Most packets are one more of a connection whose packets all went the same way (flowPath.ts). Such a packet needs no
 * passage through the hooks, and no object at all: it is found by its tuple, judged by its protocol, counted along the way,
 * and its frame is waited for. What makes that right:
 *
 * - A connection's row keeps the ways of both directions when a packet has gone one of them, together with what was true
 *   of the entry then: confirmed, answered, assured or not, no event pending, in no zone, with the host's own timeouts.
 * - Whatever else meets the entry (any packet that goes through conntrack, an error about it) makes the row forget both
 *   ways before it does anything. So what was true of the entry still is, but for what stands in the row itself.
 * - Where conntrack does more with a packet than change the row (conntrack/steady.ts), the row's entry is asked and may change
 *   (`admit`). What is not accepted there goes the long way.
 */

/** What is kept in a row: the number of the way from 1 on, and below it whether the connection is assured, and counted. */
const Kept = { assured: 1, counted: 2, way: 2 } as const;

/** What an entry must be for that, and what not. */
const BARRED = CtStatus.dying | CtStatus.fixedTimeout | CtStatus.seqAdjust;

function isPlain(entry: ConnectionEntry): boolean {
  if ((entry.status & (CtStatus.confirmed | BARRED)) !== CtStatus.confirmed) return false;
  if (!entry.listed || entry.events !== 0 || entry.zone !== 0) return false;
  return entry.timeouts === null && entry.helper === null;
}

/** The short way of packets of connections in a steady state. */
export class SteadyFlows {
  constructor(
    private readonly tracker: Tracker,
    private readonly ways: Ways,
    private readonly common: CommonWays,
  ) {}

  /** A packet of the connection has gone the way that the entry has for it, and nothing is left to be said of it. */
  went(entry: ConnectionEntry): void {
    if (!entry.has(CtStatus.seenReply) || !isPlain(entry)) return;
    this.keep(entry, Direction.original, entry.originalPath);
    this.keep(entry, Direction.reply, entry.replyPath);
  }

  private keep(entry: ConnectionEntry, direction: Direction, way: FlowPath | null): void {
    if (way === null || !way.countsPlainly || !way.isOfStatus(entry.status)) return;
    const number = this.ways.numberOf(way);
    const assured = entry.has(CtStatus.assured) ? Kept.assured : 0;
    const counted = entry.counted ? Kept.counted : 0;
    this.tracker.table.rows.setSteady(entry.row, direction, (number << Kept.way) | assured | counted);
  }

  /**
   * Runs a packet that the short way is right for.
   * @returns the way that it went; null: it is to go the long way, and nothing was changed
   */
  take(packet: Glimpse, program: Program, expected: ExpectedFrames): FlowPath | null {
    const { table, settings } = this.tracker;
    const place = table.placeOf(packet.tuple, packet.hash);
    if (place === NOWHERE) return null;
    const row = place >> 1;
    const direction = (place & 1) as Direction;
    const { rows } = table;
    const kept = rows.steady(row, direction);
    const way =
      kept === 0
        ? this.commonWayOf(rows.owner(row), packet, program, direction)
        : this.ways.of(kept >> Kept.way);
    if (!way?.takes(packet, program) || rows.expires(row) <= packet.time) return null;
    const isAssured = (kept & Kept.assured) !== 0;
    const timeout =
      kept === 0 ? NOT_STEADY : steadyTimeout(rows, row, direction, packet, isAssured, settings);
    if (timeout === NOT_STEADY) {
      if (!this.admit(packet, rows.owner(row), direction, way)) return null;
    } else {
      this.tracker.reach(packet.time);
      rows.setExpires(row, packet.time + timeout);
      if (kept & Kept.counted) account(rows.owner(row), packet, direction);
    }
    this.ways.count(way, packet.length);
    // It leaves as what the answers of the connection go to: `nf_nat_packet()`.
    const answers = (1 - direction) as Direction;
    const ports = rows.ports(row, answers);
    const swapped = (ports << 16) | (ports >>> 16);
    expected.addTranslated(
      packet,
      rows.destination(row, answers),
      rows.source(row, answers),
      // An echo has the same id either way.
      packet.protocol === Protocol.icmp ? ports : swapped,
    );
    return way;
  }

  /** Conntrack takes the packet in, which may change its entry. False: it is not accepted, and nothing was changed. */
  private admit(packet: Glimpse, entry: ConnectionEntry, direction: Direction, way: FlowPath): boolean {
    if (!way.lastsThroughChanges) return false;
    if (!this.tracker.admit(entry, packet, packet.number, direction)) return false;
    if (direction === Direction.original) entry.originalPath = way;
    else entry.replyPath = way;
    // What is kept of the other direction was said of another status.
    this.tracker.table.rows.forgetSteady(entry.row);
    this.went(entry);
    return true;
  }

  /**
   * The way of the first packets of a connection in a direction, of which none has gone one yet: the one that all of its kind
   * go (commonWays.ts).
   */
  private commonWayOf(
    entry: ConnectionEntry,
    packet: Glimpse,
    program: Program,
    direction: Direction,
  ): FlowPath | null {
    if (!isPlain(entry)) return null;
    const isOriginal = direction === Direction.original;
    if (isOriginal && !entry.has(CtStatus.seenReply)) return null;
    const destination = this.tracker.table.rows.source(entry.row, (1 - direction) as Direction);
    const way = this.common.of(packet, program, destination, direction, entry.status & TRANSLATED);
    // `nf_nat_oif_changed()`: a masqueraded connection may have left by another interface.
    const isElsewhere = entry.masqueradeIndex !== 0 && entry.masqueradeIndex !== way?.output.index;
    return isOriginal && isElsewhere ? null : way;
  }

  /** No way is kept any more. */
  clear(): void {
    this.tracker.table.rows.forgetAllSteady();
  }
}
