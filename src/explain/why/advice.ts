import type { Observer } from '../../engine/observer.js';
import type { Admission } from '../../engine/replayOptions.js';
import type { Rule, Ruleset } from '../../rules/model.js';
import { type Candidate, candidates, keyOf, oneDirection } from './candidates.js';
import { isChangeable, withChange } from '../change.js';
import { collect, type Collector } from './collect.js';
import { referenceTo } from '../describe.js';
import { Consequences } from './consequences.js';
import type { Fates } from './fates.js';
import type { Advice, RuleEvidence } from '../result.js';

/**
 * Replays the same capture from its start, under these rules, with everything else (host, sets, seed) as it was at
 * first: sets that rules add to must be fresh each time.
 * @param admits `ReplayOptions.admits`
 */
export type ReplayWith = (ruleset: Ruleset, observer: Observer, admits?: Admission) => Promise<void>;

export interface Limits {
  /** Replays that may be spent on trying changes. */
  readonly tries: number;
  /** Changes that are wanted; when there are as many, no more are tried. */
  readonly wanted: number;
}

/** A changed ruleset, and what its changed rule matches of the packets as they came: it only counts. */
interface Trial {
  readonly candidate: Candidate;
  readonly rule: Rule;
  readonly ruleset: Ruleset;
  readonly evidence: RuleEvidence;
}

/** Changes of one that do not make the rule fire are taken further so often: -d may fail as soon as --dport holds. */
const MOST_STEPS = 2;

/**
 * Tries what the evidence suggests, each by a replay, and gives what makes the rule match more than before, in the
 * order of how little it changes. A change is replayed twice: with a rule that only counts, so that the packets come
 * as they did, and where that matches, with its target, to see what it changes.
 * @param before what became of the packets under the rules as they are
 */
export async function advise(
  target: Rule,
  ruleset: Ruleset,
  evidence: RuleEvidence,
  before: Fates,
  replay: ReplayWith,
  limits: Limits,
): Promise<{ advice: Advice[]; tried: number }> {
  const advice: Advice[] = [];
  let tried = 0;
  if (!isChangeable(target)) return { advice, tried };

  const known = new Set<string>();

  async function attempt(base: Ruleset, candidate: Candidate): Promise<Trial | null> {
    if (tried >= limits.tries || known.has(keyOf(candidate))) return null;
    known.add(keyOf(candidate));
    const changed = withChange(base, candidate.change);
    // Where it acts already, the packets come as they do only where it goes on acting.
    const counting = withChange(base, candidate.change, evidence.matched === 0 ? 'counting' : 'acting');
    if (!changed || !counting) return null;
    tried++;
    const collector = collect({ chain: counting.rule.chain, rule: counting.rule }, counting.ruleset);
    await replay(counting.ruleset, collector);
    return { candidate, ...changed, evidence: collector.evidence() };
  }

  /** Gives the advice that comes of one candidate, or of what its own failure suggests in turn. */
  async function follow(base: Ruleset, candidate: Candidate, step: number): Promise<void> {
    const trial = await attempt(base, candidate);
    if (!trial) return;
    if (trial.evidence.matched > evidence.matched) {
      const best = await narrowed(base, trial);
      const consequences = new Consequences(before);
      const collector = collect({ chain: best.rule.chain, rule: best.rule }, best.ruleset);
      await replay(best.ruleset, both(collector, consequences), consequences.admits);
      const { matched, matches } = collector.evidence();
      advice.push({
        ...adviceFrom(target, best),
        inEffect: { matched, matches, ...before.differences(consequences.fates) },
      });
      return;
    }
    if (step >= MOST_STEPS) return;
    for (const next of candidates(trial.rule, trial.ruleset, trial.evidence)) {
      if (advice.length >= limits.wanted || next.kind !== candidate.kind) continue;
      await follow(trial.ruleset, { ...next, words: joined(candidate.words, next.words) }, step + 1);
    }
  }

  /** A change that lets in the other direction too is tried for the one that was meant, first. */
  async function narrowed(base: Ruleset, trial: Trial): Promise<Trial> {
    const { original, reply } = trial.evidence.matchedDirections;
    const narrow = original > 0 && reply > 0 ? oneDirection(trial.candidate) : null;
    const better = narrow && (await attempt(base, narrow));
    return better && better.evidence.matched > evidence.matched ? better : trial;
  }

  for (const candidate of candidates(target, ruleset, evidence)) {
    if (advice.length >= limits.wanted || tried >= limits.tries) break;
    await follow(ruleset, candidate, 1);
  }
  return { advice, tried };
}

/** `-m conntrack --ctorigdst A` and `-m conntrack --ctorigdstport N` are one match. */
function joined(first: string, second: string): string {
  const lead = '-m conntrack ';
  return first.startsWith(lead) && second.startsWith(lead)
    ? `${first} ${second.slice(lead.length)}`
    : `${first} ${second}`.trim();
}

function adviceFrom(target: Rule, { evidence, candidate, rule }: Trial): Omit<Advice, 'inEffect'> {
  return {
    kind: candidate.kind,
    rule: referenceTo(target),
    changed: referenceTo(rule),
    words: candidate.words,
    matched: evidence.matched,
    matchedDirections: evidence.matchedDirections,
    connections: evidence.connections,
    matches: evidence.matches,
  };
}

/** One observer of two: what happens to the packets, and how they end. */
export function both(collector: Collector, fates: Pick<Observer, 'packet' | 'end'>): Observer {
  return {
    ...collector,
    packet(passage, how) {
      collector.packet(passage, how);
      fates.packet(passage, how);
    },
    end(passage, how) {
      collector.end(passage, how);
      fates.end(passage, how);
    },
  };
}
