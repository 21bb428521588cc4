import { type Chain, ruleAddress } from '../../rules/model.js';
import { chainAddress } from '../describe.js';
import { type Clues, type Gap, traitsApart } from './clues.js';
import { edited } from './edit.js';
import type { Hypothesis } from './hypothesis.js';
import { nftWords } from './nftRule.js';
import { nftTargets } from './nftTargets.js';
import { KIND_BITS } from './ruleChanges.js';
import { arePeers, iptablesTargets } from './targets.js';

/** A rule that the host may have beyond those given, without its conditions. */
export interface Addition {
  readonly gap: Gap;
  /** `-j DROP`. */
  readonly target: string;
  /** The frames that it is to match, if not all that come. */
  readonly frames: ReadonlySet<number>;
  readonly bits: number;
  /** It writes to the log. */
  readonly logs: boolean;
}

/** Bits that conditions cost: each of those that can be told, and those that nothing simple tells. */
const CONDITION = { word: 3, some: 10 } as const;

/** Bits that it saves to do what a rule at this place of a chain named alike does. */
const LIKE_A_PEER = 2;

/** Bits that the commonest of all conditions saves: nearly every ruleset lets in what belongs to known connections. */
const KNOWN_CONNECTION = 4;

/** Bits that a chain saves which packets are sent to and that does nothing with them as it is given. */
const EMPTY_CHAIN = 2;

/** Every target at every place that differing packets passed. */
export function additions(clues: Clues, gap: Gap): Addition[] {
  const { rules, base } = gap.chain;
  const isEmpty = rules.length === 0 && base === null;
  const where = KIND_BITS + Math.log2(clues.places) - (isEmpty ? EMPTY_CHAIN : 0);
  const targets = gap.chain.table.nft ? nftTargets(clues, gap) : iptablesTargets(clues, gap);
  const beside = besidePeers(gap);
  return [...targets].map(({ target, bits, frames, logs }) => ({
    gap,
    target,
    frames: frames ?? clues.frames,
    bits: bits + where - (beside.has(verbOf(target)) ? LIKE_A_PEER : 0),
    logs: logs ?? false,
  }));
}

/** What rules do at the same place of chains that are named like this one: such chains look alike. */
function besidePeers({ chain, at }: Gap): Set<string> {
  const out = new Set<string>();
  for (const other of chain.table.chains.values())
    if (other !== chain && at < other.rules.length && arePeers(other.name, chain.name))
      out.add(verbOf(other.rules[at].text));
  out.delete('');
  return out;
}

/** `-j DNAT` */
function verbOf(text: string): string {
  return /-[jg] \S+/.exec(text)?.[0] ?? '';
}

/** The addition with a match for just its frames: whether any rule at all with this target here would do. */
export function forFrames(clues: Clues, { gap, target, frames, bits }: Addition): Hypothesis {
  const which = Math.max(CONDITION.some, clues.bitsOfChoice(gap.chain, frames));
  return hypothesis(clues, gap, bits + which, null, target, () =>
    edited(clues.world.ruleset, { kind: 'insertFor', ...gapOf(gap), text: target, frames }),
  );
}

/** The addition for whatever comes to its place. */
export function forAll(clues: Clues, addition: Addition): Hypothesis {
  return withTraits(clues, addition, []);
}

/**
 * The addition with conditions that match its frames and none of `others`; null where no simple ones do.
 * @param others frames that go otherwise than on the host where the rule is for all
 */
export function forWords(clues: Clues, addition: Addition, others: ReadonlySet<number>): Hypothesis | null {
  const traits = traitsApart(clues.walks.visits, addition.gap, addition.frames, others);
  return traits === null || traits.length === 0 ? null : withTraits(clues, addition, traits);
}

function withTraits(clues: Clues, { gap, target, bits }: Addition, traits: readonly string[]): Hypothesis {
  const isNft = gap.chain.table.nft !== undefined;
  const words = isNft ? traits.map(nftWords).join(' ') : traits.reduce(joined, '');
  const text = words === '' ? target : isNft ? `${words} ${target}` : joined(words, target);
  const options =
    traits.length === 0 ? 0 : words.split(/ -(?=[a-z] )/).filter((w) => !w.startsWith('m ')).length;
  const more = isNft ? traits.length : options;
  const isUsual = traits.some((t) => / ESTABLISHED$/.test(t)) && /(^|-j )accept$/i.test(target);
  // Most often it stands first: all other rules are for what is new.
  const said = CONDITION.word * more + (isUsual ? Math.log2(gap.at + 1) - KNOWN_CONNECTION : 0);
  return hypothesis(clues, gap, bits + said, text, text, () =>
    edited(clues.world.ruleset, { kind: 'insert', ...gapOf(gap), text }),
  );
}

/** Options of iptables one after the other; `-p udp` is said once. */
function joined(one: string, two: string): string {
  if (one === '') return two;
  const protocol = /^-p \S+/.exec(two)?.[0];
  if (protocol === undefined || !` ${one} `.includes(` ${protocol} `)) return `${one} ${two}`;
  return two === protocol ? one : `${one}${two.slice(protocol.length)}`;
}

function gapOf({ chain, at }: Gap): { chain: Chain; at: number } {
  return { chain, at };
}

function hypothesis(
  { world }: Clues,
  { chain, at, frames }: Gap,
  bits: number,
  likely: string | null,
  text: string,
  make: () => ReturnType<typeof edited>,
): Hypothesis {
  const behind = at < chain.rules.length ? ruleAddress(chain.rules[at]) : null;
  return {
    claim: {
      kind: 'ruleMissing',
      facts: { chain: chainAddress(chain), before: behind, likely: likely ?? `one with ${text}` },
    },
    suspect: {
      backend: chain.table.nft ? 'nft' : 'iptables',
      family: chain.table.family,
      table: chain.table.name,
      chain: chain.name,
      rule: at + 1,
      text: likely ?? text,
    },
    bits,
    frames,
    change: () => {
      const ruleset = make();
      return ruleset && ruleset !== world.ruleset ? { ruleset } : null;
    },
  };
}
