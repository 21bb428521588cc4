import type { Comparison } from '../compare/result.js';
import { logPrefixes } from '../rules/logPrefix.js';
import { ruleAddress } from '../rules/model.js';
import type { ObservedEntry } from '../observed/entry.js';
import type { Finding } from './finding.js';
import { type Clues, findClues } from './hypotheses/clues.js';
import type { Hypothesis, Trial, Tried, World } from './hypotheses/hypothesis.js';
import { additions, type Addition, forAll, forFrames, forWords } from './hypotheses/missingRules.js';
import { policyChanges } from './hypotheses/policies.js';
import { bestOfEach, explainedBy, rank, type Ranked, unexplained } from './hypotheses/rank.js';
import { tablesTooFew } from './hypotheses/otherTables.js';
import { createGenerations, unknownReload } from './hypotheses/reloads.js';
import { loads } from './hypotheses/loads.js';
import { lossHypotheses } from './hypotheses/lost.js';
import { ruleChanges, someCondition } from './hypotheses/ruleChanges.js';
import { costOf, costOfNoCause, isOpen, openCount, without } from './hypotheses/score.js';
import { prepareTrials, type Trials, type TrialsOptions } from './hypotheses/trials.js';
import { silentTables } from './hypotheses/silentTables.js';
import { translatedIn } from './hypotheses/translated.js';
import { recordWalks } from './hypotheses/walks.js';
import { plainFindings } from './plain.js';
import { worldChanges } from './hypotheses/worldChanges.js';

export interface FindingsOptions extends Omit<TrialsOptions, 'comparison'> {
  readonly world: World;
  /** The comparison of the given world: its differences are told which finding explains them. */
  readonly comparison: Comparison;
  /** The log as it was read, a file each, with all clocks that its lines show. */
  readonly entries: readonly Iterable<ObservedEntry>[];
  readonly limits?: Partial<Limits>;
}

/** What bounds the search. All but `isOver` give the same findings on every machine. */
export interface Limits {
  /** Worlds that are tried at most. */
  readonly trials: number;
  /** Packets that are replayed at most, all trials together. */
  readonly packets: number;
  /** Asked before every trial; true ends the search. */
  readonly isOver: () => boolean;
  /** Is told how many worlds were tried so far. */
  readonly tried: (count: number) => void;
}

const LIMITS: Limits = { trials: 4000, packets: 2_000_000, isOver: () => false, tried: () => undefined };

/**
 * Says what is different between what was given and the host: every hypothesis is tried by replaying with it, and
 * the best come first, by how little they leave unexplained and how little it takes to say them. None where the
 * given world agrees with the log. Rejects where a replay does.
 */
export async function findCauses(options: FindingsOptions): Promise<Finding[]> {
  const { comparison } = options;
  const plain = plainFindings(comparison, options.entries);
  const ranked = comparison.differences.some(isOpen) ? await findByTrial(options) : [];
  const tried = ranked.map((r) => ({
    finding: r.finding,
    explains: r.finding.explains > 0 ? explainedBy(r) : () => false,
  }));
  // What explains most comes first; of the tried ones the order stays.
  const most = Math.max(0, ...ranked.map((r) => r.finding.explains));
  const first = plain.filter(({ finding }) => finding.explains > most);
  const all = [...first, ...tried, ...plain.filter((p) => !first.includes(p))];
  for (const difference of comparison.differences) {
    const at = all.findIndex(({ explains }) => explains(difference));
    difference.finding = at < 0 ? null : at;
  }
  return all.map(({ finding }) => finding);
}

async function findByTrial(options: FindingsOptions): Promise<Ranked[]> {
  const { world } = options;
  const limits = { ...LIMITS, ...options.limits };
  const trials = await prepareTrials(options);
  const walks = recordWalks(world.ruleset);
  const base = await trials.some({}, walks);
  const translated = await translatedIn(options.frames.again());
  const clues = findClues(world, base, walks, translated);
  const found = await search(clues, base, trials, limits);
  const { tried, base: whole } = await confirmed(trials, found, base);
  const untried = [
    ...lossHypotheses(clues, whole),
    ...unknownReload(clues, whole),
    ...tablesTooFew(clues, whole, tried),
  ];
  const likely = [...tried, ...untried].filter((t) => t.score.bits < costOfNoCause(whole));
  const ranked = rank(likely, whole);
  const [best] = ranked as [Ranked?];
  const rest = best?.trial ?? whole;
  return [...ranked, ...unexplained(rest).map((finding) => ({ finding, trial: rest }))];
}

/** Hypotheses that are tried again on the whole capture where only some of it was replayed. */
const MOST_CONFIRMED = 6;

/** What was found on some flows, held against the whole capture. */
async function confirmed(
  trials: Trials,
  found: readonly Tried[],
  base: Trial,
): Promise<{ tried: readonly Tried[]; base: Trial }> {
  if (trials.some === trials.all) return { tried: found, base };
  const whole = await trials.all({});
  const tried: Tried[] = [];
  for (const { hypothesis } of bestOfEach(found).slice(0, MOST_CONFIRMED)) {
    const change = hypothesis.change();
    if (change) tried.push(scored(hypothesis, await trials.all(change)));
  }
  return { tried, base: whole };
}

/** Rules, and places for one, that are looked at: those that most of the differing packets met. */
const MOST_SUSPECTS = 400;
/** Bits by which a hypothesis may be worse than the best found and still be tried: it adds to what is known of others. */
const MARGIN = 9;
/** The same for tables that nobody listed: what they do may look like a rule of those that were. */
const MARGIN_OF_TABLES = 14;
/**
 * Bits for what has nothing to do with the first packet that differs: only a connection's state or a set can have
 * carried it there. Later packets may differ because of the first.
 */
const NOT_AT_FIRST = 12;
/** By so much a hypothesis is put off for each differing frame that it does not touch. */
const PUT_OFF = 0.25;
const MOST_PUT_OFF = 4;
/** Conditions of an addition that are tried one after the other, each to leave alone what the last did not. */
const MOST_WORDINGS = 4;
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
async function search(clues: Clues, base: Trial, trials: Trials, limits: Limits): Promise<Tried[]> {
  const all = costOfNoCause(base);
  const tried: Tried[] = [];
  const open = openCount(base);
  const gates = new Map<string, boolean>();
  const done = new Set<Hypothesis>();
  const generations = createGenerations(clues, base);
  let best = all;
  /** What is still otherwise where nothing is left: copies that the capture lacks, which no cause explains. */
  let floor = 0;
  let count = 0;

  const test = async (hypothesis: Hypothesis): Promise<Tried | null> => {
    if (count >= limits.trials || count * trials.cost > limits.packets || limits.isOver()) return null;
    if (done.has(hypothesis)) return null;
    done.add(hypothesis);
    const change = hypothesis.change();
    if (!change) return null;
    limits.tried(++count);
    const trial = await trials.some(change);
    const one = scored(hypothesis, trial);
    if (one.score.bits < all && one.score.left < open) tried.push(one);
    generations.note(hypothesis, trial);
    if (one.score.bits < best) {
      best = one.score.bits;
      floor = one.score.left === 0 ? costOf(decided(trial)) : 0;
    }
    return one;
  };
  /** For all packets an addition does too much: for which of them would it be right? */
  const testWords = async (addition: Addition, forEvery: Tried): Promise<boolean> => {
    const others = differing(clues, forEvery.trial);
    for (let step = 0; step < MOST_WORDINGS; step++) {
      const worded = forWords(clues, addition, others);
      const one = worded && (await test(worded));
      if (!one) return false;
      if (one.score.left === 0) return true;
      const before = others.size;
      for (const frame of differing(clues, one.trial)) others.add(frame);
      if (others.size === before) return false;
    }
    return false;
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
    if (!(await testWords(addition, one)) && gate) await test(gate.hypothesis);
  }
  for (const hypothesis of generations.hypotheses())
    if (hypothesis.bits <= best + MARGIN) await test(hypothesis);
  for (const hypothesis of silentTables(clues))
    if (hypothesis.bits + floor < best + MARGIN_OF_TABLES) await test(hypothesis);
  for (const hypothesis of loads(clues, base)) if (hypothesis.bits + floor < best) await test(hypothesis);
  return tried;
}

function scored(hypothesis: Hypothesis, whole: Trial): Tried {
  const { alsoExplains } = hypothesis;
  const trial = alsoExplains
    ? without(whole, new Set(whole.comparison.differences.filter(alsoExplains)))
    : whole;
  return { hypothesis, trial, score: { left: openCount(trial), bits: costOf(trial) + hypothesis.bits } };
}

/** The trial without what chance leaves open: another cause may settle it. */
function decided(trial: Trial): Trial {
  return without(trial, new Set(trial.comparison.differences.filter((d) => d.kind === 'undecidable')));
}

function differing({ frameOf }: Clues, trial: Trial): Set<number> {
  return new Set(trial.comparison.differences.filter(isOpen).map(frameOf));
}

/** Whether some packet that went otherwise than on the host does no more. */
function mendsAny(clues: Clues, trial: Trial): boolean {
  const left = differing(clues, trial);
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
