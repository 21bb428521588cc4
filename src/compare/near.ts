import type { AlignContext } from './align.js';
import { assign, type Edge } from './assignment.js';
import type { Coordinates } from './coordinates.js';
import { cutKey, isCut, nearKeys, packetBody, UNKNOWABLE } from './identity.js';
import { fieldsOf, mayMeet, type ObservedItem, type PredictedItem } from './lines.js';

/** A field whose values differ; null: that side's line has no such field. */
export interface FieldDifference {
  readonly field: string;
  readonly simulated: string | null;
  readonly host: string | null;
}

/**
 * By named field, in the predicted line's order; what cannot be known of an uncaptured packet is left out, and so is an owner that nothing tells. A line that was
 * cut agrees as far as it goes.
 */
export function differingFields(p: PredictedItem, o: ObservedItem): FieldDifference[] {
  if (p.text.startsWith(o.text)) return [];
  const ours = fieldsOf(p);
  const theirs = namedAlike(fieldsOf(o), ours);
  const list: FieldDifference[] = [];
  // What came in has link addresses wherever the capture keeps them: the host's line tells more than the capture did.
  const lacksLink = ours.get('MAC') === '' && ours.get('IN') !== '';
  const isTold = (field: string): boolean =>
    !(p.line.uncaptured && UNKNOWABLE.has(field)) &&
    !((p.line.guessed === 'SEQ' || p.line.guessed === 'OPT') && NUMBERS[p.line.guessed].has(field)) &&
    !(p.line.guessed === 'UID' && OWNER_FIELDS.has(field)) &&
    !(lacksLink && LINK_FIELDS.has(field));
  for (const [field, simulated] of ours) {
    const host = theirs.get(field) ?? null;
    if (host !== simulated && isTold(field)) list.push({ field, simulated, host });
  }
  for (const [field, host] of theirs)
    if (!ours.has(field) && isTold(field)) list.push({ field, simulated: null, host });
  return list;
}

/** What TCP numbers as it likes, and shows of its clock. */
const NUMBERS: Record<'SEQ' | 'OPT', ReadonlySet<string>> = {
  SEQ: new Set(['SEQ', 'TCP ACK', 'OPT', 'TCP OPT']),
  OPT: new Set(['OPT', 'TCP OPT']),
};
const OWNER_FIELDS: ReadonlySet<string> = new Set(['UID', 'GID']);
const LINK_FIELDS: ReadonlySet<string> = new Set(['MAC', 'MACSRC', 'MACDST', 'MACPROTO', 'VPROTO', 'VID']);

/** `UDP LEN` becomes `TCP LEN` where only PROTO differs, so that it is still the same field. */
function namedAlike(
  theirs: ReadonlyMap<string, string>,
  ours: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const from = `${theirs.get('PROTO')} `;
  const to = `${ours.get('PROTO')} `;
  if (from === to) return theirs;
  return new Map(
    [...theirs].map(([name, value]) => [name.startsWith(from) ? to + name.slice(from.length) : name, value]),
  );
}

/** How much a difference in a field speaks against two lines being the same event. */
const WEIGHT: ReadonlyMap<string, number> = new Map([
  ['PREFIX', 2],
  ['PROTO', 2],
  ['ID', 2],
  ['SEQ', 2],
  ['ICMP ID', 2],
  ['ICMPv6 ID', 2],
  ['LEN', 1.5],
  ['TCP ACK', 1.5],
  ['SPT', 0.5],
  ['DPT', 0.5],
  ['TTL', 0.5],
  ['HOPLIMIT', 0.5],
  ['TOS', 0.5],
  ['PREC', 0.5],
  ['TC', 0.5],
  ['FLOWLBL', 0.5],
  ['WINDOW', 0.5],
  ['MAC', 0.5],
  ['MACSRC', 0.5],
  ['MACDST', 0.5],
  ['MACPROTO', 0.5],
  ['PHYSIN', 0.5],
  ['PHYSOUT', 0.5],
]);
/** Flags, and what is said again of the packet inside an ICMP error. */
const LIGHT = 0.5;
/** Pairs that differ by more are two events. */
const MOST_WEIGHT = 4;
/** Fields in which the lines of one packet may differ (rule, place, NAT, mangling); any other tells packets apart. */
const SHARED: ReadonlySet<string> = new Set(
  'PREFIX IN OUT PHYSIN PHYSOUT MAC MACSRC MACDST MACPROTO VPROTO VID SRC DST SPT DPT TTL HOPLIMIT TOS PREC TC MARK UID GID REST'.split(
    ' ',
  ),
);
/** The ends of a flow: where they differ too, a difference that tells packets apart makes two events. */
const ENDS: ReadonlySet<string> = new Set(['SRC', 'DST', 'SPT', 'DPT']);
/** ns by which a packet's line may be late and still be told from the line of the flow's next packet. */
const PROMPT = 2e6;
/** Candidates looked at under one key: so many that stand nearest by place and so many by time. */
const NEAREST = 3;

function weightOf(differences: readonly FieldDifference[]): number {
  let sum = 0;
  for (const { field, simulated, host } of differences) {
    const light = field.startsWith('[') || (simulated ?? host) === '';
    sum += light ? LIGHT : (WEIGHT.get(field) ?? 1);
  }
  return sum;
}

/**
 * Pairs what is left when identical lines are paired: lines of the same packet and rule that differ in little. The
 * candidates meet under keys that each leave some fields out; of all choices the one with the least difference is made.
 */
export function pairNear(
  predicted: readonly PredictedItem[],
  observed: readonly ObservedItem[],
  pairOf: Int32Array,
  taken: Uint8Array,
  place: Coordinates,
  { knownPrefix, among }: AlignContext,
): void {
  const ours: number[] = [];
  for (let i = 0; i < pairOf.length; i++) if (pairOf[i] < 0) ours.push(i);
  if (ours.length === 0 || !taken.includes(0)) return;
  const index = new Map<string, number[]>();
  for (let j = 0; j < observed.length; j++) {
    if (taken[j] || fieldsOf(observed[j]).size === 0) continue;
    const cut = isCut(fieldsOf(observed[j]));
    for (const key of cut ? [cutKey(fieldsOf(observed[j]))] : nearKeys(fieldsOf(observed[j]))) {
      const list = index.get(key);
      if (list) list.push(j);
      else index.set(key, [j]);
    }
  }
  if (index.size === 0) return;
  let packets: Set<string> | null = null;
  const isAnotherPacket = (o: ObservedItem): boolean =>
    (packets ??= bodiesOf(among?.texts() ?? predicted.map((p) => p.text))).has(packetBody(o.text));

  const edges: Edge[] = [];
  const ranks = new Map<string, Rank>();
  for (const i of ours) {
    const p = predicted[i];
    const tried = new Set<number>();
    for (const key of [...nearKeys(fieldsOf(p)), cutKey(fieldsOf(p))]) {
      const list = index.get(key);
      if (!list) continue;
      const rank = rankOf(ranks, key, place.predicted[i]);
      for (const j of around(list, (j) => place.observed[j] < place.predicted[i], rank)) tried.add(j);
      if (list.length > NEAREST)
        for (const j of around(list, (j) => observed[j].time < p.time, 0)) tried.add(j);
    }
    for (const j of tried) {
      const apart = Math.abs(place.predicted[i] - place.observed[j]);
      const cost = costOf(p, observed[j], apart, knownPrefix, isAnotherPacket);
      if (cost !== null) edges.push({ row: i, column: j, cost });
    }
  }
  for (const { row, column } of assign(edges)) {
    pairOf[row] = column;
    taken[column] = 1;
  }
}

function bodiesOf(texts: Iterable<string>): Set<string> {
  const bodies = new Set<string>();
  for (const text of texts) bodies.add(packetBody(text));
  return bodies;
}

/** How many lines of a key stood at the same place so far: the next one is likely that far in on the other side too. */
interface Rank {
  place: number;
  count: number;
}

function rankOf(ranks: Map<string, Rank>, key: string, place: number): number {
  const rank = ranks.get(key);
  if (rank?.place === place) return rank.count++;
  ranks.set(key, { place, count: 1 });
  return 0;
}

/** A few of a list in order, around the one that stands `further` behind those that `isBefore`. */
function around(
  list: readonly number[],
  isBefore: (j: number) => boolean,
  further: number,
): readonly number[] {
  if (list.length <= NEAREST) return list;
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(list[middle])) low = middle + 1;
    else high = middle;
  }
  const from = Math.max(0, Math.min(low + further - (NEAREST >> 1), list.length - NEAREST));
  return list.slice(from, from + NEAREST);
}

/** null: not the same event. */
function costOf(
  p: PredictedItem,
  o: ObservedItem,
  apart: number,
  knownPrefix: (prefix: string) => boolean,
  isAnotherPacket: (o: ObservedItem) => boolean,
): number | null {
  if (!mayMeet(p, o)) return null;
  const differences = differingFields(p, o);
  const weight = weightOf(differences);
  if (weight > MOST_WEIGHT) return null;
  const prefix = differences.find((d) => d.field === 'PREFIX');
  if (prefix && knownPrefix(prefix.host ?? '')) return null;
  // Two packets of one flow differ so as well: only a prompt line that no other captured packet explains is this one changed.
  if (differences.some((d) => !SHARED.has(d.field))) {
    const prompt = Math.abs(p.time - o.time) <= PROMPT + 4 * o.precision;
    const elsewhere = differences.some((d) => ENDS.has(d.field));
    if (apart > 1 || !prompt || elsewhere || isAnotherPacket(o)) return null;
  }
  const late = o.tolerance === Infinity ? 0 : Math.abs(p.time - o.time) / o.tolerance;
  return weight + Math.min(2, apart / 4) + late;
}
