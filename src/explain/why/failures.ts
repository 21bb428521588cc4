import type { Passage } from '../../engine/passage.js';
import { type Connection, CtState, Direction } from '../../rules/connection.js';
import type { Condition, Field } from '../../rules/definition.js';
import type { Rule } from '../../rules/model.js';
import { Outcome } from '../../rules/verdict.js';
import { referenceTo } from '../describe.js';
import { manipulatesNat } from './natTargets.js';
import type { FailedCondition, SawValue, TupleFinding } from '../result.js';
import { Histogram, Tally } from './tally.js';
import { lastChange, type Trip } from './trip.js';
import { wouldFulfil } from './wanted.js';

/** Values of one condition that are told apart, and those that are shown. */
const MOST_VALUES = 256;
const MOST_SHOWN = 12;
const MOST_ORIGINS = 16;
const MOST_CONDITIONS = 64;

interface Origin {
  readonly from: string;
  readonly made: string;
  readonly rule: Rule | null;
  readonly wanted: boolean;
  count: number;
}

interface Value {
  readonly saw: string;
  readonly tally: Tally;
  readonly origins: Histogram<Origin>;
  since: number | null;
}

interface Failure {
  readonly condition: Condition;
  /** Conditions before it that held: the more, the nearer the miss. */
  readonly depth: number;
  count: number;
  readonly values: Histogram<Value>;
  readonly tuples: Map<string, { option: string; direction: Direction; count: number }>;
}

/** When each connection was opened, as the capture tells it. */
export class Openings {
  private readonly frames = new WeakMap<Connection, number>();

  note({ connection, state, packet }: Passage): void {
    if (!connection || this.frames.has(connection)) return;
    this.frames.set(connection, state === CtState.new || state === CtState.related ? packet.frame : 0);
  }

  /** The frame that opened it; 0: before the capture. */
  of(connection: Connection): number {
    return this.frames.get(connection) ?? 0;
  }
}

/** The first conditions that failed at one rule, with what they saw and where that came from. */
export class Failures {
  private readonly byCondition = new Histogram<Failure>(MOST_CONDITIONS);

  constructor(private readonly openings: Openings) {}

  add(conditions: readonly Condition[], trip: Trip): void {
    const depth = conditions.findIndex((c) => c.outcome !== Outcome.hit);
    if (depth < 0) return;
    const condition = conditions[depth];
    const { name, wanted, saw, field } = condition;
    const failure = this.byCondition.at(`${depth} ${name} ${wanted} ${condition.outcome}`, () => ({
      condition,
      depth,
      count: 0,
      values: new Histogram<Value>(MOST_VALUES),
      tuples: new Map(),
    }));
    if (!failure) return;
    failure.count++;
    this.lookInConnection(failure, trip.passage);
    const value = failure.values.at(saw, () => ({
      saw,
      tally: new Tally(),
      origins: new Histogram<Origin>(MOST_ORIGINS),
      since: null,
    }));
    if (!value) return;
    value.tally.add(trip.passage.packet);
    const { connection } = trip.passage;
    if (field === 'ct.state' && connection) value.since ??= this.openings.of(connection) || null;
    const change = originOf(condition, trip);
    if (!change) return;
    const { from, made, rule } = change;
    const origin = value.origins.at(`${from} ${made} ${rule ? referenceTo(rule).address : ''}`, () => ({
      from,
      made,
      rule,
      wanted: wouldFulfil(condition, from),
      count: 0,
    }));
    if (origin) origin.count++;
  }

  /** Which of the connection's addresses or ports would have been what was wanted. */
  private lookInConnection(failure: Failure, { connection, direction }: Passage): void {
    const { condition, tuples } = failure;
    if (!connection) return;
    for (const { option, value } of tupleValues(condition, connection)) {
      if (!wouldFulfil(condition, value)) continue;
      const key = `${option} ${direction}`;
      const known = tuples.get(key);
      if (known) known.count++;
      else tuples.set(key, { option, direction, count: 1 });
    }
  }

  result(): FailedCondition[] {
    return this.byCondition
      .values()
      .sort((a, b) => nearness(b) - nearness(a) || b.depth - a.depth || b.count - a.count)
      .map(shown);
  }
}

/** Who made the value what it is, from what. */
function originOf(
  condition: Condition,
  trip: Trip,
): { from: string; made: string; rule: Rule | null } | undefined {
  const { field, saw } = condition;
  const { connection } = trip.passage;
  if (field === 'ct.mark' && connection?.markRule)
    return { from: '0x0', made: saw, rule: connection.markRule };
  // The change that made an end of what is wanted; a rule's rather than the kernel's own, of several.
  const changes = trip.changes.filter((c) => c.field === field);
  const change =
    changes.findLast(({ from }) => wouldFulfil(condition, from)) ??
    changes.findLast(({ rule }) => rule !== null) ??
    changes.at(-1);
  if (!change) return undefined;
  const [address, port] = ENDPOINTS.find((ends) => ends.includes(field)) ?? [];
  const both = address && port && [lastChange(trip, address), lastChange(trip, port)];
  if (!both?.every((c) => c?.rule === change.rule))
    return { from: change.from, made: change.to, rule: change.rule };
  const host = trip.passage.packet.version === 6 ? `[${both[0]?.to}]` : both[0]?.to;
  return { from: change.from, made: `${host}:${both[1]?.to}`, rule: change.rule };
}

const ENDPOINTS: readonly (readonly [Field, Field])[] = [
  ['ip.source', 'sourcePort'],
  ['ip.destination', 'destinationPort'],
];

function* tupleValues(
  { field }: Condition,
  { original, reply }: Connection,
): Generator<{ option: string; value: string }> {
  const port = field === 'sourcePort' || field === 'destinationPort';
  if (!port && field !== 'ip.source' && field !== 'ip.destination') return;
  for (const [name, tuple] of [
    ['orig', original],
    ['repl', reply],
  ] as const) {
    const suffix = port ? 'port' : '';
    yield {
      option: `ct${name}src${suffix}`,
      value: port ? String(tuple.sourcePort) : tuple.source.toString(),
    };
    yield {
      option: `ct${name}dst${suffix}`,
      value: port ? String(tuple.destinationPort) : tuple.destination.toString(),
    };
  }
}

/** How many of the values had been what was wanted before a rule changed them. */
function nearness({ values }: Failure): number {
  return values.values().reduce((sum, value) => sum + wantedBefore(value), 0);
}

function wantedBefore({ origins }: Value): number {
  return origins.values().reduce((sum, origin) => sum + (origin.wanted ? origin.count : 0), 0);
}

function shown({ condition, count, values, tuples }: Failure): FailedCondition {
  const all = values
    .values()
    .sort((a, b) => wantedBefore(b) - wantedBefore(a) || b.tally.count - a.tally.count);
  const listed = all.slice(0, MOST_SHOWN).map(shownValue);
  return {
    name: condition.name,
    field: condition.field,
    wanted: condition.wanted,
    count,
    undecided: condition.outcome === Outcome.unknown,
    values: listed,
    otherValues: count - listed.reduce((sum, v) => sum + v.count, 0),
    inConnection: [...tuples.values()]
      .sort((a, b) => b.count - a.count)
      .map((t): TupleFinding => ({
        option: t.option,
        direction: t.direction === Direction.reply ? 'REPLY' : 'ORIGINAL',
        count: t.count,
      })),
  };
}

function shownValue({ saw, tally, origins, since }: Value): SawValue {
  return {
    saw,
    count: tally.count,
    examples: tally.examples,
    since,
    changed: origins
      .values()
      .sort((a, b) => b.count - a.count)
      .map(({ rule, ...origin }) => ({
        ...origin,
        rule: rule && referenceTo(rule),
        byNat: rule !== null && manipulatesNat(rule),
      })),
  };
}
