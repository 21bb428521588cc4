import { type Difference, isDisagreement, isOfLog } from '../../compare/result.js';
import type { Evidence, Finding, Suspect } from '../finding.js';
import type { Trial, Tried } from './hypothesis.js';
import { costOfNoCause, differenceKey, isOpen, openCount } from './score.js';

/** Findings told at most; what is far less likely than the best is not worth reading. */
const MOST_FINDINGS = 5;
const MOST_EVIDENCE = 6;
/** Bits by which a suspect may be less likely than the best and still be told. */
const WORTH_TELLING = 20;

/** A finding, and the trial that it comes from. */
export interface Ranked {
  readonly finding: Finding;
  readonly trial: Trial;
}

/** All hypotheses about one suspect: it is as likely as they are together. */
interface Group {
  best: Tried;
  /** Sum of 2^-bits, relative to the best of all. */
  weight: number;
}

/**
 * The findings that the trials come to, best first. A suspect is as likely as all the ways in which it may be
 * otherwise together; the likeliest of them is told.
 * @param base the trial of the world as given
 */
export function rank(tried: readonly Tried[], base: Trial): Ranked[] {
  const total = openCount(base);
  const least = Math.min(...tried.map((t) => t.score.bits), costOfNoCause(base));
  const groups = new Map<string, Group>();
  let sum = 0;
  for (const one of tried) {
    const weight = 2 ** (least - one.score.bits);
    sum += weight;
    const key = suspectKey(one.hypothesis.suspect);
    const group = groups.get(key);
    if (!group) groups.set(key, { best: one, weight });
    else {
      group.weight += weight;
      if (one.score.bits < group.best.score.bits) group.best = one;
    }
  }
  const byWeight = [...groups.values()].sort((a, b) => b.weight - a.weight);
  const most = byWeight.at(0)?.weight ?? 0;
  return likeliestFirst(byWeight)
    .filter((g) => g.weight >= most * 2 ** -WORTH_TELLING)
    .slice(0, MOST_FINDINGS)
    .map(({ best: { hypothesis, trial, score }, weight }) => {
      const explained = total - score.left;
      const finding: Finding = {
        ...hypothesis.claim,
        confidence: round((weight / sum) * (explained / total)),
        explains: explained,
        left: score.left,
        suspect: hypothesis.suspect,
        evidence: evidence(base, trial),
      };
      return { finding, trial };
    });
}

/** The likeliest hypothesis about each suspect, the best first. */
export function bestOfEach(tried: readonly Tried[]): Tried[] {
  const best = new Map<string, Tried>();
  for (const one of tried) {
    const key = suspectKey(one.hypothesis.suspect);
    const before = best.get(key);
    if (!before || one.score.bits < before.score.bits) best.set(key, one);
  }
  return [...best.values()].sort((a, b) => a.score.bits - b.score.bits);
}

/** Which differences a finding explains: those that are gone where it is true. */
export function explainedBy({ trial }: Ranked): (difference: Difference) => boolean {
  const left = new Set(trial.comparison.differences.map(differenceKey));
  return (difference) => !left.has(differenceKey(difference));
}

/** A rule as the command line addresses it; null for what is none. */
export function suspectAddressOf(suspect: Suspect | null): string | null {
  if (!suspect || !('chain' in suspect)) return null;
  const { backend, family, table, chain, rule } = suspect;
  const head = family === 'ip' && backend === 'iptables' ? '' : `${family}:`;
  return `${head}${table}:${chain}:${rule ?? 'policy'}`;
}

/** What nothing explains: the rules whose lines or counters differ, the packets that leave otherwise. */
export function unexplained(trial: Trial): Finding[] {
  const byRule = new Map<string, Difference[]>();
  for (const d of trial.comparison.differences.filter(isDisagreement)) {
    const key = isOfLog(d) || d.kind === 'counter' ? (d.rule ?? '') : ` ${d.kind}`;
    const others = byRule.get(key);
    if (others) others.push(d);
    else byRule.set(key, [d]);
  }
  const total = openCount(trial);
  return [...byRule.values()]
    .sort((a, b) => b.length - a.length)
    .slice(0, MOST_FINDINGS)
    .map((list): Finding => {
      const [{ rule }] = list;
      const count = (kind: string): number => list.filter((d) => d.kind === kind).length;
      const fields = [...new Set(list.flatMap((d) => (d.kind === 'field' && d.field ? [d.field] : [])))];
      return {
        kind: 'unexplained',
        facts: {
          rule,
          onlySimulated: count('onlySimulated'),
          onlyHost: count('onlyHost'),
          fields,
          counters: count('counter'),
          leaving: new Set(list.flatMap((d) => (d.kind === 'egress' ? [d.frame || d] : []))).size,
          connections: count('conntrack'),
        },
        confidence: 0,
        explains: 0,
        left: total,
        suspect: null,
        evidence: list.slice(0, MOST_EVIDENCE).map((d) => ({ frame: d.frame, text: evidenceText(d) })),
      };
    });
}

function round(share: number): number {
  return Math.round(share * 1000) / 1000;
}

function suspectKey(suspect: Suspect | null): string {
  return JSON.stringify(suspect && 'chain' in suspect ? { ...suspect, text: '' } : suspect);
}

/**
 * Where a rule is missing its neighbouring places often do as well, and the one that is told stands for them: told next
 * is always what stands for most of what none before does.
 */
function likeliestFirst(groups: readonly Group[]): Group[] {
  const left = groups.slice(0, MOST_ORDERED);
  const out: Group[] = [];
  let untold = left;
  while (untold.length > 0 && out.length < MOST_FINDINGS) {
    const shares = left.map((g) =>
      untold.reduce((sum, u) => sum + (isNear(u, g) ? u.weight : 0), g.weight * OF_ITS_OWN),
    );
    const most = Math.max(...shares);
    const alike = left.filter((_, i) => shares[i] >= most * ALIKE);
    const next = middleOf(alike);
    out.push(next);
    left.splice(left.indexOf(next), 1);
    untold = untold.filter((u) => !isNear(u, next));
  }
  return [...out, ...left, ...groups.slice(MOST_ORDERED)];
}

/** What counts of a suspect for which another already stands. */
const OF_ITS_OWN = 0.1;
/** Suspects that are put in order at most. */
const MOST_ORDERED = 200;
/** Shares that differ by less are the same. */
const ALIKE = 0.95;

/** Whether naming one names the other: places for a rule in a chain that are next to each other. */
function isNear(a: Group, b: Group): boolean {
  return (
    a === b || (placesOf(a) !== null && placesOf(a) === placesOf(b) && Math.abs(placeOf(a) - placeOf(b)) <= 1)
  );
}

/** Of places in one chain the middle one: it is nearest to all of them. */
function middleOf(groups: readonly Group[]): Group {
  const [first] = groups;
  const chain = placesOf(first);
  if (chain === null) return first;
  const places = groups.filter((g) => placesOf(g) === chain).sort((a, b) => placeOf(a) - placeOf(b));
  return places[(places.length - 1) >> 1];
}

/** The chain where a rule is missing; null for findings of other kinds. */
function placesOf({ best: { hypothesis } }: Group): string | null {
  return hypothesis.claim.kind === 'ruleMissing' ? hypothesis.claim.facts.chain : null;
}

function placeOf({ best: { hypothesis } }: Group): number {
  return hypothesis.suspect && 'chain' in hypothesis.suspect ? (hypothesis.suspect.rule ?? 0) : 0;
}

/** The differences that are gone. */
function evidence(base: Trial, trial: Trial): Evidence[] {
  const left = new Set(trial.comparison.differences.map(differenceKey));
  return base.comparison.differences
    .filter((d) => isOpen(d) && !left.has(differenceKey(d)))
    .slice(0, MOST_EVIDENCE)
    .map((d) => ({ frame: d.frame, text: evidenceText(d) }));
}

function evidenceText({ kind, field, simulated, host, line }: Difference): string {
  switch (kind) {
    case 'onlyHost':
      return `only on the host: ${line}`;
    case 'onlySimulated':
      return `only simulated: ${line}`;
    default:
      return `${field ?? ''} ${host ?? 'none'} on the host, ${simulated ?? 'none'} simulated: ${line}`;
  }
}
