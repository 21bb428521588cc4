import type { LogOptions } from '../../rules/context.js';
import { type Chain, type Rule, ruleAddress } from '../../rules/model.js';
import { quoteWord } from '../../frontend/iptables/words.js';
import { log } from '../../rules/targets/log.js';
import { chainAddress } from '../describe.js';
import { type Clues, type Gap, type HostLine, wordsApart } from './clues.js';
import { edited } from './edit.js';
import type { Hypothesis } from './hypothesis.js';
import { KIND_BITS } from './ruleChanges.js';

/** A rule that the host may have beyond those given, without its conditions. */
export interface Addition {
  readonly gap: Gap;
  /** `-j DROP`. */
  readonly target: string;
  /** The frames that it is to match, if not all that come. */
  readonly frames: ReadonlySet<number>;
  readonly bits: number;
}

/** Bits that conditions cost: none at all, those that two words tell, and those that nothing simple tells. */
const CONDITION = { none: 0, word: 3, some: 10 } as const;

/** Every target at every place that differing packets passed. */
export function additions(clues: Clues, gap: Gap): Addition[] {
  const where = KIND_BITS + Math.log2(clues.places);
  return [...targetsAt(clues, gap)].map(({ target, bits, frames }) => ({
    gap,
    target,
    frames: frames ?? clues.frames,
    bits: bits + where,
  }));
}

/** The addition with a match for just its frames: whether any rule at all with this target here would do. */
export function forFrames(clues: Clues, { gap, target, frames, bits }: Addition): Hypothesis {
  return hypothesis(clues, gap, bits + CONDITION.some, null, target, () =>
    edited(clues.world.ruleset, { kind: 'insertFor', ...gapOf(gap), text: target, frames }),
  );
}

/** The addition for whatever comes to its place. */
export function forAll(clues: Clues, addition: Addition): Hypothesis {
  return withWords(clues, addition, '');
}

/**
 * The addition with conditions that match its frames and none of `others`; null where no simple ones do.
 * @param others frames that go otherwise than on the host where the rule is for all
 */
export function forWords(clues: Clues, addition: Addition, others: ReadonlySet<number>): Hypothesis | null {
  const words = wordsApart(clues.walks.visits, addition.gap, addition.frames, others);
  return words === null || words === '' ? null : withWords(clues, addition, words);
}

function withWords(clues: Clues, { gap, target, bits }: Addition, words: string): Hypothesis {
  const text = words === '' ? target : `${words} ${target}`;
  const options = words.split(/ -(?=[a-z] )/).filter((w) => w !== '' && !w.startsWith('m ')).length;
  const more = words === '' ? CONDITION.none : CONDITION.word * options;
  return hypothesis(clues, gap, bits + more, text, text, () =>
    edited(clues.world.ruleset, { kind: 'insert', ...gapOf(gap), text }),
  );
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

interface Target {
  readonly target: string;
  readonly bits: number;
  /** Where they are others than all that differ. */
  readonly frames?: ReadonlySet<number>;
}

/** What a rule at this place could do that would be seen so. */
function* targetsAt(clues: Clues, { chain, at }: Gap): Generator<Target> {
  const { table, base } = chain;
  for (const { prefix, lines } of clues.prefixes) {
    const flags = logFlags(lines);
    const frames = new Set(lines.map((l) => l.frame));
    frames.delete(0);
    yield {
      target: `-j LOG${prefix === '' ? '' : ` --log-prefix ${quoteWord(prefix)}`}${flags}`,
      bits: 2 + outOfOrder(prefix, chain, at),
      frames,
    };
  }
  if (clues.foreignLines > 0) return;
  // What is let in is most often decided in the filter table.
  const unusual = table.name === 'filter' ? 0 : 2;
  if (table.name !== 'nat') yield { target: '-j DROP', bits: 2 + unusual };
  yield { target: '-j ACCEPT', bits: 2 + unusual };
  yield { target: '-j RETURN', bits: base ? 4 : 2 };
  for (const other of [...table.chains.values()]
    .filter((c) => !c.base && c !== chain && c.rules.length > 0)
    .slice(0, 16))
    yield { target: `-j ${other.name}`, bits: 3 };
  if (table.name === 'filter')
    for (const kind of rejections(clues.hostLines))
      yield { target: `-j REJECT --reject-with ${kind}`, bits: 3 };
  if (table.name === 'raw') yield { target: '-j CT --notrack', bits: 5 };
  for (const mark of marks(clues)) yield { target: `-j MARK --set-xmark ${mark}`, bits: 4 };
  if (table.name === 'nat') yield* translations(clues);
  if (table.name === 'mangle') {
    for (const ttl of valuesOf(clues, 'TTL')) yield { target: `-j TTL --ttl-set ${ttl}`, bits: 5 };
    for (const tos of valuesOf(clues, 'TOS')) yield { target: `-j TOS --set-tos ${tos}/0xff`, bits: 5 };
  }
}

/**
 * Many number their prefixes in the order of the rules: bits that a place costs which breaks that order, or saves
 * because it is next to its neighbour in number.
 */
function outOfOrder(prefix: string, { rules }: Chain, at: number): number {
  const own = numbered(prefix);
  if (!own) return 0;
  const neighbour = (from: number, step: number): number | null => {
    for (let i = from; i >= 0 && i < rules.length; i += step) {
      const other = numbered(prefixOf(rules[i]));
      if (other?.words === own.words) return other.number;
    }
    return null;
  };
  const before = neighbour(at - 1, -1);
  const behind = neighbour(at, 1);
  if ((before !== null && before > own.number) || (behind !== null && behind < own.number)) return 3;
  return before === own.number - 1 || behind === own.number + 1 ? -1 : 0;
}

function numbered(prefix: string): { words: string; number: number } | null {
  const m = /^(\D*)(\d{1,9})(\D*)$/.exec(prefix);
  return m && { words: `${m[1]}#${m[3]}`, number: Number(m[2]) };
}

function prefixOf({ steps }: Rule): string {
  const last = steps[steps.length - 1];
  return last.kind === 'target' && last.definition === log ? (last.data as LogOptions).prefix : '';
}

/** The options without which the lines would not be as they are. */
function logFlags(lines: readonly HostLine[]): string {
  const any = (field: string): boolean => lines.some((l) => l.fields.has(field) || l.fields.has(`[${field}`));
  return [
    any('TCP ACK') && ' --log-tcp-sequence',
    any('TCP OPT') && ' --log-tcp-options',
    any('OPT') && ' --log-ip-options',
    any('UID') && ' --log-uid',
    any('MACSRC') && ' --log-macdecode',
  ]
    .filter((flag) => flag !== false)
    .join('');
}

const REJECTIONS = new Map([
  ['0', 'icmp-net-unreachable'],
  ['1', 'icmp-host-unreachable'],
  ['2', 'icmp-proto-unreachable'],
  ['3', 'icmp-port-unreachable'],
  ['9', 'icmp-net-prohibited'],
  ['10', 'icmp-host-prohibited'],
  ['13', 'icmp-admin-prohibited'],
]);

/** The answers of REJECT that only the host has logged. */
function rejections(lines: readonly HostLine[]): Set<string> {
  const out = new Set<string>();
  for (const { fields } of lines) {
    if (fields.get('IN') !== '') continue;
    const kind = fields.get('TYPE') === '3' ? REJECTIONS.get(fields.get('CODE') ?? '') : undefined;
    if (kind) out.add(kind);
    if (fields.has('RST')) out.add('tcp-reset');
  }
  return out;
}

/** Ways to get from the marks that were simulated to those of the host. */
function marks({ fields }: Clues): Set<string> {
  const out = new Set<string>();
  const hex = (n: number): string => `0x${(n >>> 0).toString(16)}`;
  for (const { field, simulated, host } of fields) {
    if (field !== 'MARK') continue;
    const ours = Number(simulated ?? 0) >>> 0;
    const theirs = Number(host ?? 0) >>> 0;
    const set = (theirs & ~ours) >>> 0;
    const changed = (theirs ^ ours) >>> 0;
    out.add(`${hex(theirs)}/0xffffffff`);
    out.add(`${hex(set)}/${hex(changed)}`);
    if (out.size >= 8) break;
  }
  return out;
}

/** Destinations and sources that only the host's lines have. */
function* translations(clues: Clues): Generator<Target> {
  for (const to of valuesOf(clues, 'DST')) yield { target: `-j DNAT --to-destination ${to}`, bits: 5 };
  for (const port of valuesOf(clues, 'DPT')) yield { target: `-j REDIRECT --to-ports ${port}`, bits: 6 };
  if (valuesOf(clues, 'SRC').length > 0) yield { target: '-j MASQUERADE', bits: 4 };
  for (const to of valuesOf(clues, 'SRC')) yield { target: `-j SNAT --to-source ${to}`, bits: 5 };
}

/** What the host has in a field where the simulation has something else. */
function valuesOf({ fields, hostLines, frames, walks }: Clues, field: string): string[] {
  const out = new Set<string>();
  for (const f of fields) if (f.field === field && f.host !== null) out.add(f.host);
  const option = OPTIONS.get(field);
  if (option !== undefined) {
    const ours = new Set(
      walks.visits
        .filter((v) => frames.has(v.frame))
        .flatMap((v) => v.traits.map((t) => t.slice(t.lastIndexOf(option)).replace(/\/\d+$/, ''))),
    );
    for (const { fields: seen } of hostLines) {
      const value = seen.get(field);
      if (value !== undefined && !ours.has(`${option} ${value}`)) out.add(value);
    }
  }
  return [...out].slice(0, 4);
}

const OPTIONS = new Map([
  ['SRC', '-s'],
  ['DST', '-d'],
  ['DPT', '--dport'],
]);
