import { Hook } from '../../rules/hook.js';
import type { Chain, Rule, Step } from '../../rules/model.js';
import type { Target } from '../why/collect.js';
import { chainAddress, referenceTo } from '../describe.js';
import { waysTo } from '../reach.js';
import type { StaticNote } from '../result.js';
import { type Intervals, intersection, isInside, LAST_NAME, numbers, union } from './intervals.js';
import type { Limits } from './limit.js';
import { limitsOf } from './limits.js';

/** What the rules alone tell about a rule, or a policy, without any packet. */
export function staticNotes({ chain, rule }: Target): StaticNote[] {
  return notesOf(chain, rule, [...waysTo(chain).bases], limitsOf);
}

/** Rules of one chain that are held against each other: their number is squared. */
const MOST_COMPARED = 1000;

/** What the rules alone tell about those rules of a chain that are asked for. */
export function chainNotes(chain: Chain, asked: (rule: Rule) => boolean): Map<Rule, StaticNote[]> {
  const known = new Map<Rule, Limits>();
  const limits = (rule: Rule): Limits => {
    let own = known.get(rule);
    if (!own) known.set(rule, (own = limitsOf(rule)));
    return own;
  };
  const bases = [...waysTo(chain).bases];
  const rules = chain.rules.slice(0, MOST_COMPARED).filter(asked);
  return new Map(rules.map((rule) => [rule, notesOf(chain, rule, bases, limits)]));
}

function notesOf(
  chain: Chain,
  rule: Rule | null,
  bases: readonly Chain[],
  limitsOfRule: (rule: Rule) => Limits,
): StaticNote[] {
  const notes: StaticNote[] = [];
  if (bases.length === 0)
    notes.push({ kind: 'unreferenced', rule: null, detail: `nothing leads to ${chainAddress(chain)}` });
  if (!rule) return notes;
  const limits = limitsOfRule(rule);
  const contradiction = contradictionIn(limits, bases);
  if (contradiction) notes.push({ kind: 'contradiction', rule: null, detail: contradiction });
  const before = chain.rules.slice(0, chain.rules.indexOf(rule));
  const shadow = before.find((earlier) => endsTheWalk(earlier) && covers(limitsOfRule(earlier), limits));
  const twin = before.find((earlier) => earlier.text === rule.text);
  if (shadow) {
    const detail = 'it takes every packet that this rule wants';
    notes.push({ kind: 'shadowed', rule: referenceTo(shadow), detail });
  } else if (twin) notes.push({ kind: 'duplicate', rule: referenceTo(twin), detail: 'it says the same' });
  const impossible = impossibleInterface(limits, bases);
  if (impossible) notes.push({ kind: 'impossible-interface', rule: null, detail: impossible });
  return notes;
}

/** Two conditions that no packet can fulfil both, or one that none can. */
function contradictionIn({ known }: Limits, bases: readonly Chain[]): string | null {
  const left = new Map<string, { allowed: Intervals; said: string[] }>();
  const isNat = bases.length > 0 && bases.every(({ base }) => base?.type === 'nat');
  // `nf_nat_inet_fn()` (net/netfilter/nf_nat_core.c) asks the rules for the states RELATED and NEW only.
  if (isNat) left.set('state', { allowed: union([numbers(2, 3)]), said: [] });
  for (const { field, allowed, said } of known) {
    if (allowed.length === 0) return `no packet has ${said}`;
    const before = left.get(field);
    const rest = before ? intersection(before.allowed, allowed) : allowed;
    const words = [...new Set([...(before?.said ?? []), said])];
    if (rest.length === 0) {
      if (words.length > 1) return `${words.join(' and ')} exclude each other`;
      return field === 'state' && isNat
        ? `nat rules are asked only for what opens a connection, and that is NEW or RELATED, not ${said}`
        : `${said} excludes itself`;
    }
    left.set(field, { allowed: rest, said: words });
  }
  return null;
}

/** An interface is asked for where none is known. */
function impossibleInterface({ known }: Limits, bases: readonly Chain[]): string | null {
  const hooks = bases.flatMap(({ base }) => (base ? [base.hook] : []));
  const only = (...allowed: Hook[]): boolean => hooks.length > 0 && hooks.every((h) => allowed.includes(h));
  const asks = (wanted: string): boolean =>
    known.some(
      ({ field, allowed }) => field === wanted && !isInside([NO_NAME], allowed) && allowed.length > 0,
    );
  if (only(Hook.output) && asks('in')) return 'packets in OUTPUT came in by no interface';
  if (only(Hook.prerouting, Hook.input) && asks('out'))
    return 'in PREROUTING and INPUT no interface to leave by is known';
  return null;
}

const NO_NAME = numbers(0);

/** Whether a packet that matches goes no further in this chain. */
function endsTheWalk(rule: Rule): boolean {
  return rule.steps.some(isEnd);
}

function isEnd(step: Step): boolean {
  if (step.kind === 'jump') return step.goto;
  if (step.kind === 'target') return step.definition.terminal;
  if (step.kind !== 'statement' || step.statement.kind !== 'verdict') return false;
  return !['jump', 'continue', 'break'].includes(step.statement.verdict.kind);
}

/** Whether every packet that `narrow` wants is one that `wide` wants, as far as their words tell. */
function covers(wide: Limits, narrow: Limits): boolean {
  const said = new Set(narrow.others.map((other) => other.said));
  if (!wide.others.every((other) => other.isPure && said.has(other.said))) return false;
  const left = new Map<string, Intervals>();
  for (const { field, allowed } of narrow.known) {
    const before = left.get(field);
    left.set(field, before ? intersection(before, allowed) : allowed);
  }
  return wide.known.every(({ field, allowed }) => isInside(left.get(field) ?? EVERY, allowed));
}

/** More than any field can be. */
const EVERY: Intervals = [[0n, LAST_NAME]];
