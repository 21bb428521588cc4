import type { Comparison } from '../compare/result.js';
import { logPrefixes } from '../rules/logPrefix.js';
import { ruleAddress } from '../rules/model.js';
import type { Finding } from './finding.js';
import { type Clues, findClues } from './hypotheses/clues.js';
import type { Hypothesis, Trial, Tried, TryWorld, World } from './hypotheses/hypothesis.js';
import { additions, type Addition, forAll, forFrames, forWords } from './hypotheses/missingRules.js';
import { policyChanges } from './hypotheses/policies.js';
import { attribute, rank, unexplained } from './hypotheses/rank.js';
import { lossHypotheses } from './hypotheses/lost.js';
import { ruleChanges, someCondition } from './hypotheses/ruleChanges.js';
import { costOf, costOfNoCause, isOpen, openCount } from './hypotheses/score.js';
import { recordWalks } from './hypotheses/walks.js';
import { worldChanges } from './hypotheses/worldChanges.js';

export interface FindingsOptions {
  readonly world: World;
  readonly tryWorld: TryWorld;
  /** The comparison of the given world: its differences are told which finding explains them. */
  readonly comparison?: Comparison;
  readonly limits?: Limits;
}

export interface Limits {
  /** Worlds that are tried at most. */
  readonly trials: number;
  /** Asked before every trial; true ends the search. */
  readonly isOver: () => boolean;
}

const LIMITS: Limits = { trials: 4000, isOver: () => false };

/**
 * Says what is different between what was given and the host: every hypothesis is tried by replaying with it, and
 * the best come first, by how little they leave unexplained and how little it takes to say them. None where the
 * given world agrees with the log. Rejects where a replay does.
 */
export async function findCauses({
  world,
  tryWorld,
  comparison,
  limits = LIMITS,
}: FindingsOptions): Promise<Finding[]> {
  const walks = recordWalks(world.ruleset);
  const base = await tryWorld({}, walks);
  if (openCount(base) === 0) return [];
  const clues = findClues(world, base, walks);
  const found = await search(clues, base, tryWorld, limits);
  const tried = [...found, ...lossHypotheses(clues, base)].filter((t) => t.score.bits < costOfNoCause(base));
  const ranked = rank(tried, base);
  if (ranked.length === 0) return unexplained(base);
  if (comparison) attribute(comparison.differences, ranked);
  return ranked.map((r) => r.finding);
}

/** Rules, and places for one, that are looked at: those that most of the differing packets met. */
const MOST_SUSPECTS = 400;
/** Bits by which a hypothesis may be worse than the best found and still be tried: it adds to what is known of others. */
const MARGIN = 9;
/**
 * Bits for what has nothing to do with the first packet that differs: only a connection's state or a set can have
 * carried it there. Later packets may differ because of the first.
 */
const NOT_AT_FIRST = 12;
/** By so much a hypothesis is put off for each differing frame that it does not touch. */
const PUT_OFF = 0.25;
const MOST_PUT_OFF = 4;
/** Bits of a line whose prefix no given rule has, for what cannot make one. */
const FOREIGN = 10;

/** A hypothesis that waits for its trial. */
interface Waiting {
  readonly hypothesis: Hypothesis;
  /** The bits that it has at least, as far as can be told without trying. */
  readonly least: number;
  /** The smaller, the sooner. */
  readonly turn: number;
  /** One that must help before this can. */
  readonly gate?: Gate;
  /** What it would add: with conditions it may do better. */
  readonly addition?: Addition;
}

interface Gate {
  readonly hypothesis: Hypothesis;
  /** Gates of the same name have the same outcome. */
  readonly name: string;
}

/**
 * Tries hypotheses in the order of the bits that they have at least, until none is left that could be nearly as good
 * as the best.
 */
async function search(clues: Clues, base: Trial, tryWorld: TryWorld, limits: Limits): Promise<Tried[]> {
  const all = costOfNoCause(base);
  const tried: Tried[] = [];
  const open = openCount(base);
  const gates = new Map<string, boolean>();
  let best = all;
  /** What is still otherwise where nothing is left: copies that the capture lacks, which no cause explains. */
  let floor = 0;
  let trials = 0;

  const test = async (hypothesis: Hypothesis): Promise<Tried | null> => {
    if (trials >= limits.trials || limits.isOver()) return null;
    const change = hypothesis.change();
    if (!change) return null;
    trials++;
    const trial = await tryWorld(change);
    const one = {
      hypothesis,
      trial,
      score: { left: openCount(trial), bits: costOf(trial) + hypothesis.bits },
    };
    if (one.score.bits < all && one.score.left < open) tried.push(one);
    if (one.score.bits < best) {
      best = one.score.bits;
      floor = one.score.left === 0 ? costOf(trial) : 0;
    }
    return one;
  };
  const passes = async ({ name, hypothesis }: Gate): Promise<boolean> => {
    const known = gates.get(name);
    if (known !== undefined) return known;
    const one = await test(hypothesis);
    const helps = one !== null && mendsAny(clues, one.trial);
    gates.set(name, helps);
    return helps;
  };

  const waiting = hypotheses(clues).sort((a, b) => a.turn - b.turn);
  for (const { hypothesis, gate, addition, least } of waiting) {
    if (least + floor > best + MARGIN) continue;
    if (gate && !(await passes(gate))) continue;
    const one = await test(hypothesis);
    if (!one || !addition || one.score.left === 0) continue;
    // For all packets it does too much: for which of them would it be right?
    const worded = forWords(clues, addition, differing(one.trial));
    if (worded) await test(worded);
    else await test(forFrames(clues, addition));
  }
  return tried;
}

function differing(trial: Trial): Set<number> {
  return new Set(trial.comparison.differences.filter(isOpen).map((d) => d.frame));
}

/** Whether some packet that went otherwise than on the host does no more. */
function mendsAny(clues: Clues, trial: Trial): boolean {
  const left = new Set(trial.comparison.differences.filter(isOpen).map(clues.frameOf));
  for (const frame of clues.frames) if (!left.has(frame)) return true;
  return false;
}

function hypotheses(clues: Clues): Waiting[] {
  const out: Waiting[] = [];
  const foreign = clues.foreignLines * FOREIGN;
  const add = (hypothesis: Hypothesis, more: Pick<Waiting, 'gate' | 'addition'> = {}, logs = false): void => {
    const touched = hypothesis.frames;
    let elsewhere = 0;
    if (touched) for (const frame of clues.frames) if (!touched.has(frame)) elsewhere++;
    const atFirst = touched === null || clues.first === 0 || touched.has(clues.first);
    const least = hypothesis.bits + (atFirst ? 0 : NOT_AT_FIRST) + (logs ? 0 : foreign);
    const turn = least + Math.min(elsewhere * PUT_OFF, MOST_PUT_OFF);
    out.push({ hypothesis, least, turn, ...more });
  };
  for (const hypothesis of policyChanges(clues)) add(hypothesis);
  for (const hypothesis of worldChanges(clues)) add(hypothesis);
  for (const met of clues.rules.slice(0, MOST_SUSPECTS)) {
    const some = someCondition(clues, met);
    const gate = { hypothesis: some, name: ruleAddress(met.what) };
    for (const { hypothesis, isMatch } of ruleChanges(clues, met))
      add(hypothesis, isMatch ? { gate } : {}, logPrefixes(met.what).length > 0);
    add(some, { gate }, logPrefixes(met.what).length > 0);
  }
  for (const gap of clues.gaps.slice(0, MOST_SUSPECTS))
    for (const addition of additions(clues, gap)) {
      const gate = { hypothesis: forFrames(clues, addition), name: `${gap.reach} ${addition.target}` };
      add(forAll(clues, addition), { gate, addition }, addition.logs);
    }
  return out;
}
