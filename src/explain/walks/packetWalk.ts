import type { Observer, PacketEnd } from '../../engine/observer.js';
import type { Passage } from '../../engine/passage.js';
import type { Condition } from '../../rules/definition.js';
import { HOOK_NAMES } from '../../rules/hook.js';
import { Outcome } from '../../rules/verdict.js';
import { chainAddress, packetText, policyReference, referenceTo, verdictName } from '../describe.js';
import type { RuleReference } from '../result.js';

export type OutcomeName = 'hit' | 'miss' | 'unknown' | 'hotdrop';

export interface WalkCondition extends Omit<Condition, 'outcome'> {
  readonly outcome: OutcomeName;
}

/** One thing that happened to a packet. `depth`: jumps from the base chain. */
export type WalkEvent =
  | { readonly kind: 'hook'; readonly hook: string; readonly packet: string }
  | {
      readonly kind: 'chain';
      readonly chain: string;
      readonly by: RuleReference | null;
      readonly depth: number;
    }
  | { readonly kind: 'skip'; readonly chain: string; readonly reason: string }
  | {
      readonly kind: 'rule';
      readonly rule: RuleReference;
      readonly outcome: OutcomeName;
      readonly conditions: readonly WalkCondition[];
      readonly depth: number;
    }
  /** `rule` null: the end of a user chain. */
  | {
      readonly kind: 'verdict';
      readonly rule: RuleReference | null;
      readonly chain: string;
      readonly verdict: string;
      readonly depth: number;
    }
  | {
      readonly kind: 'change';
      readonly field: string;
      readonly from: string;
      readonly to: string;
      readonly rule: RuleReference | null;
    }
  | { readonly kind: 'route'; readonly decision: string }
  /** What the kernel did with it beside that, in words. */
  | { readonly kind: 'done'; readonly what: string }
  | {
      readonly kind: 'end';
      readonly end: PacketEnd['kind'];
      readonly reason: string;
      readonly packet: string;
    };

/** The way of one packet through the host, or of an answer to it. */
export interface PacketTrip {
  readonly how: 'received' | 'sent';
  /** Made by the host while it handled the frame's own packet, or because of it. */
  readonly answer: boolean;
  readonly packet: string;
  readonly events: readonly WalkEvent[];
  /** Events that were too many to keep. */
  readonly omitted: number;
}

export interface PacketWalk {
  readonly frame: number;
  /** Empty: the frame started nothing. */
  readonly trips: readonly PacketTrip[];
}

export interface WalkRecorder extends Observer {
  walk(): PacketWalk;
}

const MOST_EVENTS = 50_000;
const MOST_TRIPS = 16;

interface Open {
  how: 'received' | 'sent';
  answer: boolean;
  packet: string;
  events: WalkEvent[];
  omitted: number;
  /** The chains that are being walked, the base chain first. */
  stack: string[];
}

const OUTCOMES = new Map<Outcome, OutcomeName>([
  [Outcome.hit, 'hit'],
  [Outcome.miss, 'miss'],
  [Outcome.unknown, 'unknown'],
  [Outcome.hotdrop, 'hotdrop'],
]);

/** Writes down everything that happens to the packet of one frame, and to the host's answers to it. */
export function recordWalk(frame: number): WalkRecorder {
  const trips: Open[] = [];
  const open = new Map<Passage, Open>();
  const add = (passage: Passage, make: (trip: Open) => WalkEvent): void => {
    const trip = open.get(passage);
    if (!trip) return;
    if (trip.events.length < MOST_EVENTS) trip.events.push(make(trip));
    else trip.omitted++;
  };
  const depthOf = (trip: Open, chain: string): number => Math.max(0, trip.stack.lastIndexOf(chain));
  return {
    packet(passage, how) {
      if (passage.packet.frame !== frame || trips.length >= MOST_TRIPS) return;
      const answer = how === 'sent' && trips.length > 0;
      const packet = packetText(passage.packet);
      const trip: Open = { how, answer, packet, events: [], omitted: 0, stack: [] };
      trips.push(trip);
      open.set(passage, trip);
    },
    hook: (hook, passage) =>
      add(passage, () => ({ kind: 'hook', hook: HOOK_NAMES[hook], packet: packetText(passage.packet) })),
    enter: (chain, by, passage) =>
      add(passage, (trip) => {
        const name = chainAddress(chain);
        const caller = by ? trip.stack.lastIndexOf(chainAddress(by.chain)) + 1 : 0;
        trip.stack = [...trip.stack.slice(0, caller), name];
        return { kind: 'chain', chain: name, by: by && referenceTo(by), depth: trip.stack.length - 1 };
      }),
    skip: (chain, reason, passage) =>
      add(passage, () => ({ kind: 'skip', chain: chainAddress(chain), reason })),
    misses: (passage) => open.has(passage),
    watches: (_rule, passage) => open.has(passage),
    rule: (rule, outcome, conditions, passage) =>
      add(passage, (trip) => ({
        kind: 'rule',
        rule: referenceTo(rule),
        outcome: OUTCOMES.get(outcome) ?? 'unknown',
        conditions: conditions.map((c) => ({ ...c, outcome: OUTCOMES.get(c.outcome) ?? 'unknown' })),
        depth: depthOf(trip, chainAddress(rule.chain)),
      })),
    verdict: (rule, chain, verdict, passage) =>
      add(passage, (trip) => {
        const name = chainAddress(chain);
        const by = rule ? referenceTo(rule) : chain.base ? policyReference(chain) : null;
        return {
          kind: 'verdict',
          rule: by,
          chain: name,
          verdict: verdictName(verdict),
          depth: depthOf(trip, name),
        };
      }),
    change: (field, from, to, rule, passage) =>
      add(passage, () => ({ kind: 'change', field, from, to, rule: rule && referenceTo(rule) })),
    tells: (what, passage) => add(passage, () => ({ kind: 'done', what })),
    route: (decision, passage) => add(passage, () => ({ kind: 'route', decision })),
    end(passage, how) {
      add(passage, () => ({
        kind: 'end',
        end: how.kind,
        reason: endReason(how),
        packet: packetText(passage.packet),
      }));
      open.delete(passage);
    },
    walk: () => ({
      frame,
      trips: trips.map(({ how, answer, packet, events, omitted }) => ({
        how,
        answer,
        packet,
        events,
        omitted,
      })),
    }),
  };
}

function endReason(how: PacketEnd): string {
  switch (how.kind) {
    case 'delivered':
    case 'sent':
      return '';
    case 'held':
      return how.rule ? referenceTo(how.rule).address : how.reason;
    case 'dropped':
      if (how.rule) return referenceTo(how.rule).address;
      return how.chain ? policyReference(how.chain).address : how.reason;
  }
}
