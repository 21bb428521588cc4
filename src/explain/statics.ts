import { Hook } from '../rules/hook.js';
import { ip, type IpMatch } from '../rules/matches/ip.js';
import type { MatchStep, Rule } from '../rules/model.js';
import type { Target } from './collect.js';
import { chainAddress, referenceTo } from './describe.js';
import { waysTo } from './reach.js';
import type { StaticNote } from './result.js';

/** What the rules alone tell about a rule, without any packet. */
export function staticNotes({ chain, rule }: Target): StaticNote[] {
  const notes: StaticNote[] = [];
  const ways = waysTo(chain);
  if (ways.bases.size === 0)
    notes.push({ kind: 'unreferenced', rule: null, detail: `nothing leads to ${chainAddress(chain)}` });
  if (!rule) return notes;
  const before = chain.rules.slice(0, chain.rules.indexOf(rule));
  const shadow = before.find((earlier) => endsTheWalk(earlier) && covers(earlier, rule));
  if (shadow)
    notes.push({
      kind: 'shadowed',
      rule: referenceTo(shadow),
      detail: 'it takes every packet that this rule wants',
    });
  else {
    const twin = before.find((earlier) => earlier.text === rule.text);
    if (twin) notes.push({ kind: 'duplicate', rule: referenceTo(twin), detail: 'it says the same' });
  }
  const hooks = [...ways.bases].flatMap((base) => (base.base ? [base.base.hook] : []));
  const head = rule.steps.find((s): s is MatchStep => s.kind === 'match' && s.definition === ip);
  const { in: incoming, out } = (head?.data ?? { in: null, out: null }) as Pick<IpMatch, 'in' | 'out'>;
  const only = (...allowed: Hook[]): boolean => hooks.length > 0 && hooks.every((h) => allowed.includes(h));
  if (incoming && !incoming.negated && incoming.value.text !== '+' && only(Hook.output))
    notes.push({
      kind: 'impossible-interface',
      rule: null,
      detail: 'packets in OUTPUT came in by no interface',
    });
  if (out && !out.negated && out.value.text !== '+' && only(Hook.prerouting, Hook.input))
    notes.push({
      kind: 'impossible-interface',
      rule: null,
      detail: 'in PREROUTING and INPUT no interface to leave by is known',
    });
  return notes;
}

/** Whether a packet that matches goes no further in this chain. */
function endsTheWalk(rule: Rule): boolean {
  const last = rule.steps[rule.steps.length - 1];
  return (last.kind === 'target' && last.definition.terminal) || (last.kind === 'jump' && last.goto);
}

/** Whether every packet that `narrow` wants is one that `wide` wants, as far as their words tell. */
function covers(wide: Rule, narrow: Rule): boolean {
  const version = wide.chain.table.family === 'ip6' ? 6 : 4;
  const words = (step: MatchStep): string =>
    `${step.definition.name} ${step.definition.print(step.data, version)}`;
  const tests = narrow.steps.filter((s) => s.kind === 'match');
  const said = new Set(tests.map(words));
  const head = tests.find((s) => s.definition === ip)?.data as IpMatch | undefined;
  return wide.steps.every(
    (step) =>
      step.kind !== 'match' ||
      step.definition.name === 'comment' ||
      (step.definition.pure &&
        (said.has(words(step)) || (step.definition === ip && coversHead(step.data as IpMatch, head)))),
  );
}

const NETWORKS = ['source', 'destination'] as const;
const WHOLE = ['in', 'out', 'protocol'] as const;

function coversHead(wide: IpMatch, narrow: IpMatch | undefined): boolean {
  if (!narrow) return false;
  if (wide.fragment && wide.fragment.negated !== narrow.fragment?.negated) return false;
  for (const side of NETWORKS) {
    const [w, n] = [wide[side], narrow[side]];
    if (!w) continue;
    if (!n || w.negated !== n.negated) return false;
    const inside = (outer: typeof w, inner: typeof w): boolean =>
      (outer.value.prefixLength ?? 129) <= (inner.value.prefixLength ?? -1) &&
      outer.value.includes(inner.value.address);
    // What is not in the smaller network is not in the larger one only where that is the wanted one.
    if (!(w.negated ? inside(n, w) : inside(w, n))) return false;
  }
  return WHOLE.every((field) => {
    const [w, n] = [wide[field], narrow[field]];
    return !w || (n !== null && w.negated === n.negated && String(w.value) === String(n.value));
  });
}
