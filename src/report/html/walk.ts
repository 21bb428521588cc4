import type { PacketTrip, PacketWalk, WalkCondition, WalkEvent } from '../../explain/walks/packetWalk.js';
import type { RuleReference } from '../../explain/result.js';
import { escapeControls } from '../../source/text.js';
import type { PageEvent, PageTrip, PageWalk } from './data.js';

/** Misses one after another that are told one by one: the first and the last so many. */
const MOST_MISSES = 12;
const MOST_EVENTS = 1500;

/** A recorded walk as the page shows it; everything from outside is escaped. */
export function pageWalk({ frame, trips }: PacketWalk): PageWalk {
  return { trips: trips.map((trip) => pageTrip(frame, trip)) };
}

function pageTrip(frame: number, { how, answer, packet, events, omitted }: PacketTrip): PageTrip {
  const what = answer ? 'the answer of the host' : how === 'sent' ? 'made by the host' : 'received';
  const shown = withoutLongMisses(events);
  return {
    title: escapeControls(`Packet ${frame}, ${what}: ${packet}`),
    events: shown.slice(0, MOST_EVENTS),
    omitted: omitted + Math.max(0, shown.length - MOST_EVENTS),
  };
}

function withoutLongMisses(events: readonly WalkEvent[]): PageEvent[] {
  const shown: PageEvent[] = [];
  for (let i = 0; i < events.length;) {
    let end = i;
    while (end < events.length && isMiss(events[end])) end++;
    const misses = events.slice(i, end);
    if (misses.length > 2 * MOST_MISSES) {
      const { depth } = misses[0] as WalkEvent & { kind: 'rule' };
      shown.push(...misses.slice(0, MOST_MISSES).map(pageEvent));
      shown.push({ kind: 'missed', count: misses.length - 2 * MOST_MISSES, depth });
      shown.push(...misses.slice(-MOST_MISSES).map(pageEvent));
    } else shown.push(...misses.map(pageEvent));
    if (end < events.length) shown.push(pageEvent(events[end++]));
    i = end;
  }
  return shown;
}

function isMiss(event: WalkEvent): boolean {
  return event.kind === 'rule' && event.outcome === 'miss';
}

function pageEvent(event: WalkEvent): PageEvent {
  switch (event.kind) {
    case 'hook':
      return { ...event, packet: escapeControls(event.packet) };
    case 'chain':
      return { ...event, chain: escapeControls(event.chain), by: addressOf(event.by) };
    case 'skip':
      return { ...event, chain: escapeControls(event.chain), reason: event.reason.replaceAll('-', ' ') };
    case 'rule':
      return {
        kind: 'rule',
        rule: addressOf(event.rule) ?? '',
        text: escapeControls(event.rule.text),
        outcome: event.outcome,
        conditions: event.conditions.map(conditionText),
        depth: event.depth,
      };
    case 'verdict':
      return { ...event, rule: addressOf(event.rule), chain: escapeControls(event.chain) };
    case 'change':
      return {
        kind: 'change',
        field: event.field,
        from: escapeControls(event.from),
        to: escapeControls(event.to),
        rule: addressOf(event.rule),
      };
    case 'route':
      return { kind: 'route', decision: escapeControls(event.decision) };
    case 'done':
      return { kind: 'done', what: escapeControls(event.what) };
    case 'end':
      return { ...event, reason: escapeControls(event.reason), packet: escapeControls(event.packet) };
  }
}

function addressOf(rule: RuleReference | null): string | null {
  return rule && escapeControls(rule.address);
}

function conditionText({ name, wanted, saw, outcome }: WalkCondition): string {
  return escapeControls(
    outcome === 'hit' ? `${name} ${wanted}: saw ${saw}` : `${name} wanted ${wanted}, saw ${saw}`,
  );
}
