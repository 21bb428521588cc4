import type { Ruleset } from '../../rules/model.js';
import { advise, both, type Limits, type ReplayWith } from './advice.js';
import { collect, type Target } from './collect.js';
import { policyReference, referenceTo } from '../describe.js';
import { Fates } from './fates.js';
import type { WhyResult } from '../result.js';
import { staticNotes } from '../statics/notes.js';

export type { ReplayWith } from './advice.js';
export type { Target } from './collect.js';

export interface WhyOptions {
  readonly ruleset: Ruleset;
  /** A rule of `ruleset`, or a policy (address.ts finds it). */
  readonly target: Target;
  readonly replay: ReplayWith;
  /** 6 tries for 3 changes unless given; 0 tries: no advice. */
  readonly limits?: Limits;
}

const LIMITS: Limits = { tries: 6, wanted: 3 };

/**
 * Says why a rule did or did not fire: replays the capture once to see what came to it, and then once for each
 * change that is tried. Rejects where a replay does.
 */
export async function why({ ruleset, target, replay, limits = LIMITS }: WhyOptions): Promise<WhyResult> {
  const collector = collect(target, ruleset);
  const fates = new Fates();
  await replay(ruleset, both(collector, fates));
  const evidence = collector.evidence();
  const { rule, chain } = target;
  const { advice, tried } = rule
    ? await advise(rule, ruleset, evidence, fates, replay, limits)
    : { advice: [], tried: 0 };
  return {
    rule: rule ? referenceTo(rule) : policyReference(chain),
    evidence,
    advice,
    tried,
    notes: staticNotes(target),
  };
}
