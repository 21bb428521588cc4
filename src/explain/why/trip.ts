import type { Passage } from '../../engine/passage.js';
import type { Field } from '../../rules/definition.js';
import type { Hook } from '../../rules/hook.js';
import type { Rule } from '../../rules/model.js';

export interface FieldChange {
  readonly field: Field;
  readonly from: string;
  readonly to: string;
  readonly rule: Rule | null;
}

/** One packet's way through the host, as far as it has come. */
export interface Trip {
  readonly passage: Passage;
  readonly how: 'received' | 'sent';
  /** Packets on their way when this one started: it is an answer made meanwhile. */
  readonly depth: number;
  readonly hooks: Hook[];
  route: string | null;
  readonly changes: FieldChange[];
}

/** More changes of one packet than this are not kept: every rule of a long chain may set a mark. */
const MOST_CHANGES = 64;
/** Packets under way at the same time; answers to answers end well before. */
const MOST_UNDER_WAY = 64;

/** The packets that are under way now: one, and the answers made while it is handled. */
export class Trips {
  private readonly underWay = new Map<Passage, Trip>();

  start(passage: Passage, how: 'received' | 'sent'): Trip {
    if (this.underWay.size >= MOST_UNDER_WAY) this.underWay.clear();
    const trip: Trip = { passage, how, depth: this.underWay.size, hooks: [], route: null, changes: [] };
    this.underWay.set(passage, trip);
    return trip;
  }

  of(passage: Passage): Trip | undefined {
    return this.underWay.get(passage);
  }

  hook(hook: Hook, passage: Passage): void {
    this.underWay.get(passage)?.hooks.push(hook);
  }

  route(decision: string, passage: Passage): void {
    const trip = this.underWay.get(passage);
    if (trip) trip.route = decision;
  }

  change(field: Field, from: string, to: string, rule: Rule | null, passage: Passage): void {
    const changes = this.underWay.get(passage)?.changes;
    if (changes && changes.length < MOST_CHANGES) changes.push({ field, from, to, rule });
  }

  end(passage: Passage): Trip | undefined {
    const trip = this.underWay.get(passage);
    this.underWay.delete(passage);
    return trip;
  }
}

/** The last change of a field of this packet; undefined: it is as it came. */
export function lastChange(trip: Trip, field: Field): FieldChange | undefined {
  return trip.changes.findLast((change) => change.field === field);
}
