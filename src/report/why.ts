import type {
  Advice,
  AdviceKind,
  Away,
  FailedCondition,
  PacketNote,
  Provenance,
  SawValue,
  StaticNote,
  WhyResult,
} from '../explain/result.js';
import { escapeControls } from '../source/text.js';
import { counted, effectWords, frames, packets } from './effects.js';
import { JSON_VERSION, printJson } from './json.js';

/** Reasons, values and packets shown; the JSON has them all. */
const MOST_AWAY = 8;
const MOST_VALUES = 6;
const MOST_CONDITIONS = 4;
const MOST_NOTES = 3;

/** The result as one JSON object. */
export function whyJson(result: WhyResult): string {
  return `${printJson({ version: JSON_VERSION, ...result }, 2)}\n`;
}

/** The answer in a sentence or two, then what it rests on. Everything from outside is escaped. */
export function whyText(result: WhyResult): string {
  const { rule, evidence, advice, tried, notes } = result;
  const lines = [`${rule.address}  ${rule.text}`, '', ...answer(result)];
  const { failed, away, setters } = evidence;
  if (failed.length > 0) {
    lines.push(
      '',
      `${sentence(times(evidence.reached - evidence.matched))} a packet came and did not match:`,
    );
    for (const condition of failed.slice(0, MOST_CONDITIONS)) lines.push(...failedLines(condition));
    if (failed.length > MOST_CONDITIONS)
      lines.push(`  and ${failed.length - MOST_CONDITIONS} more conditions`);
  }
  if (evidence.matched === 0 && setters.length > 0) {
    lines.push('', 'What it asks for is set by:');
    for (const { rule: setter, reached, matched } of setters.slice(0, MOST_NOTES))
      lines.push(
        `  ${setter.address} (${setter.text}): reached ${times(reached)}, matched ${times(matched)}`,
      );
    if (setters.length > MOST_NOTES) lines.push(`  and ${setters.length - MOST_NOTES} more`);
  }
  if (away.length > 0) {
    lines.push('', `${packets(evidence.awayTotal)} of ${evidence.packets} never came to it:`);
    for (const reason of away.slice(0, MOST_AWAY))
      lines.push(
        `  ${String(reason.count).padStart(6)}  ${awayWords(reason)}${exampleFrames(reason.examples)}`,
      );
    const rest = evidence.awayTotal - away.slice(0, MOST_AWAY).reduce((sum, { count }) => sum + count, 0);
    if (rest > 0) lines.push(`  ${String(rest).padStart(6)}  for other reasons`);
  }
  if (evidence.matched > 0) {
    lines.push(
      '',
      'It matched:',
      ...evidence.matches.slice(0, MOST_NOTES).map((note) => `  ${noteWords(note)}`),
    );
    if (evidence.matched > MOST_NOTES) lines.push(`  and ${evidence.matched - MOST_NOTES} more`);
  }
  for (const note of notes.filter((n) => evidence.matched > 0 || !isAnswer(n, evidence)))
    lines.push('', staticWords(note));
  if (advice.length > 0) {
    lines.push('', 'What would match (each tried by replaying the capture with it):');
    for (const one of advice) lines.push(...adviceLines(one));
  } else if (tried > 0)
    lines.push(
      '',
      `${counted(tried, 'change')} ${tried === 1 ? 'was' : 'were'} tried by replaying; none makes it match more.`,
    );
  return `${lines.map(escapeControls).join('\n')}\n`;
}

/** The answer: how often it was reached and matched, and what kept it from matching. */
function answer(result: WhyResult): string[] {
  const { rule, evidence, advice, notes } = result;
  const { reached, matched, failed, packets: all } = evidence;
  if (rule.address.endsWith(':policy'))
    return [
      reached === 0 ? 'No packet came to this policy.' : `The policy decided ${packets(reached)} of ${all}.`,
    ];
  if (all === 0)
    return ['The capture holds no packet of its IP version that started its way through the host.'];
  if (reached === 0) return [`It did not fire: none of ${packets(all)} came to it.${whyNone(result)}`];
  if (matched > 0)
    return [
      `It fired: it was reached ${times(reached)} and matched ${matched === reached ? 'each time' : times(matched)}.`,
    ];
  const lines = [`It did not fire: it was reached by ${packets(reached)} and matched none.`];
  const never = notes.find(({ kind }) => NEVER.has(kind));
  if (never) lines.push(staticWords(never));
  else if (failed.length > 0) lines.push(failedSentence(failed[0]));
  if (advice.length > 0 && advice[0].words !== '') {
    const { words, matched: would, connections } = advice[0];
    const of = connections > 0 ? ` of ${counted(connections, 'connection')}` : '';
    lines.push(
      `\`${words}\` would match ${packets(would)}${of}; replayed with it, ${effectWords(advice[0].inEffect)}.`,
    );
  }
  return lines;
}

/** Why a rule that packets came to could match none. */
const NEVER: ReadonlySet<StaticNote['kind']> = new Set(['contradiction', 'impossible-interface']);

/** Whether the answer has said it. */
function isAnswer({ kind }: StaticNote, { reached, packets: all }: WhyResult['evidence']): boolean {
  return all > 0 && (reached === 0 ? kind === 'unreferenced' : NEVER.has(kind));
}

function whyNone({ evidence: { away }, notes }: WhyResult): string {
  const unreferenced = notes.find(({ kind }) => kind === 'unreferenced');
  if (unreferenced) return ` ${sentence(unreferenced.detail)}: no rule jumps there.`;
  return away.length > 0 ? ` ${mainReason(away[0])}` : '';
}

const FIELDS = new Map<string, string>([
  ['destinationPort', 'the port'],
  ['sourcePort', 'the source port'],
  ['ip.destination', 'the destination'],
  ['ip.source', 'the source'],
  ['mark', 'the mark'],
  ['ct.mark', "the connection's mark"],
  ['ip.ttl', 'the time to live'],
]);

function whose({ rule }: Provenance): string {
  return rule?.address ?? 'the kernel';
}

/** `It wanted dport 10000 and saw 6379 (12 times): the port was 10000 until nat:DOCKER:2 made it 172.17.0.2:6379.` */
function failedSentence({ name, field, wanted, values, undecided, count }: FailedCondition): string {
  if (undecided) return `Whether ${name} ${wanted} holds is not known: ${values[0]?.saw ?? ''}.`;
  const [first] = values as readonly (SawValue | undefined)[];
  if (!first) return `Its condition ${name} ${wanted} failed ${times(count)}.`;
  const saw = `It wanted ${name} ${wanted} and saw ${first.saw} (${times(first.count)})`;
  const [origin] = first.changed;
  if (origin?.wanted)
    return `${saw}: ${FIELDS.get(field) ?? name} was ${origin.from} until ${whose(origin)}, which comes before this rule, made it ${origin.made}.`;
  if (origin?.rule) return `${saw}, which ${whose(origin)} made of ${origin.from}.`;
  return first.since === null ? `${saw}.` : `${saw}: packet ${first.since} opened its connection.`;
}

function failedLines({ name, wanted, count, undecided, values, otherValues }: FailedCondition): string[] {
  const lines = [`  ${name}: wanted ${wanted}${undecided ? ', not known' : ''}, ${times(count)}`];
  for (const value of values.slice(0, MOST_VALUES)) {
    lines.push(
      `    saw ${value.saw}, ${times(value.count)}${valueOrigin(value)}${exampleFrames(value.examples)}`,
    );
  }
  const rest = otherValues + values.slice(MOST_VALUES).reduce((sum, v) => sum + v.count, 0);
  if (rest > 0) lines.push(`    saw other values, ${times(rest)}`);
  return lines;
}

function valueOrigin({ changed, count, since }: SawValue): string {
  const parts = changed.slice(0, 2).map((origin) => {
    const how = origin.rule ? ` (${origin.rule.text})` : '';
    return `${origin.from} before ${whose(origin)}${how}${origin.count === count ? '' : `, ${times(origin.count)}`}`;
  });
  if (since !== null) parts.push(`since packet ${since}`);
  return parts.length > 0 ? `; ${parts.join('; ')}` : '';
}

function mainReason(away: Away): string {
  return `${sentence(awayWords(away))} (${packets(away.count)}).`;
}

const SKIPS: Readonly<Record<string, string>> = {
  'known-connection': 'its connection was known already, and nat rules see only what opens one',
  untracked: 'it was not tracked',
  'not-tracking':
    'connection tracking is off, since no rule uses it (DNAT, SNAT, -m conntrack and the like do)',
  invalid: 'connection tracking took it for INVALID',
  'related-error': 'it was an ICMP error of a known connection',
  'already-translated': 'its translation was chosen already',
};

function awayWords(reason: Away): string {
  switch (reason.kind) {
    case 'other-hook': {
      const lo = reason.loopback ? ' on the loopback interface' : '';
      const path = reason.path.length > 0 ? reason.path.join(', ') : 'no hook';
      return `${reason.how === 'sent' ? 'made by this host' : 'received'}${lo}, went through ${path}${routeWords(reason.route)}`;
    }
    case 'skipped':
      return `${reason.chain} was not asked: ${SKIPS[reason.reason] ?? reason.reason}`;
    case 'jump-missed':
      return (
        `${reason.rule.address}, which leads to ${reason.leadsTo}, did not match: ` +
        `it wanted ${reason.name} ${reason.wanted} and saw ${reason.saw}`
      );
    case 'decided':
      return `decided earlier, in ${reason.hook}, by ${reason.rule.address} (${reason.rule.text})`;
    case 'returned':
      return `sent back earlier by ${reason.rule.address} (${reason.rule.text})`;
    case 'went-elsewhere':
      return `sent to ${reason.chain} by ${reason.rule.address}, which is a goto`;
    case 'lost':
      return `lost on the way: ${reason.reason}`;
  }
}

function routeWords(route: string | null): string {
  if (route === null) return '';
  if (route === 'local') return ' (its destination is this host)';
  return route === 'forward' ? ' (routed on to another host)' : ` (${route})`;
}

const ADVICE: Readonly<Record<AdviceKind, (advice: Advice) => string>> = {
  'connection-tuple': ({ words }) => `${words}: the connection remembers what the packet was before NAT`,
  'value-before': ({ changed }) =>
    `the same in ${placeOf(changed.address)}, where the value is still as it came`,
  'value-seen': ({ words }) => `${words}: the value as it is where the rule stands`,
  interface: ({ words }) => `${words}: the interface by which the packets go`,
  earlier: ({ changed }) => `the same, earlier: as ${changed.address}`,
  hook: ({ changed }) => `the same in ${placeOf(changed.address)}, through which the packets go`,
  table: ({ changed }) => `the same in ${placeOf(changed.address)}, which sees every packet`,
};

function placeOf(address: string): string {
  return address.replace(/:\d+$/, '');
}

function adviceLines(advice: Advice): string[] {
  const { kind, changed, matched, matchedDirections, connections, matches } = advice;
  const both = matchedDirections.original > 0 && matchedDirections.reply > 0;
  const directions = both ? `, ${matchedDirections.reply} of them answers` : '';
  const of = connections > 0 ? ` of ${counted(connections, 'connection')}` : '';
  const lines = [
    `  ${ADVICE[kind](advice)}`,
    `    ${changed.address}  ${changed.text}`,
    `    matches ${packets(matched)}${of}${directions}: ${frames(
      matches.map((m) => m.frame),
      matched,
    )}`,
  ];
  return [...lines, `    replayed with it, ${effectWords(advice.inEffect)}`];
}

const STATIC: Readonly<Record<StaticNote['kind'], string>> = {
  contradiction: 'It can never match',
  unreferenced: 'It can never be reached',
  shadowed: 'It can never be reached by what it wants',
  duplicate: 'It stands there twice',
  'impossible-interface': 'It can never match',
};

function staticWords({ kind, rule, detail }: StaticNote): string {
  return `${STATIC[kind]}: ${rule ? `${rule.address} (${rule.text}): ` : ''}${detail}.`;
}

function noteWords({ frame, packet }: PacketNote): string {
  return `packet ${frame}: ${packet}`;
}

function exampleFrames(examples: readonly PacketNote[]): string {
  return examples.length > 0 ? ` [packet ${examples[0].frame}: ${examples[0].packet}]` : '';
}

function times(count: number): string {
  if (count === 0) return 'never';
  return count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`;
}

function sentence(text: string): string {
  if (/^[^ ]*:/.test(text)) return text;
  return text.charAt(0).toUpperCase() + text.slice(1);
}
