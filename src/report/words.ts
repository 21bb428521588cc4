import type { DifferenceKind } from '../compare/result.js';
import type { Finding, FindingFacts, FindingKind } from '../explain/finding.js';

/** How a kind of difference is called: behind what differs, and alone on a badge. */
export const DIFFERENCE_WORDS: Readonly<Record<DifferenceKind, { said: string; badge: string }>> = {
  field: { said: 'differs', badge: 'field differs' },
  onlySimulated: { said: 'only simulated', badge: 'only simulated' },
  onlyHost: { said: 'only on the host', badge: 'only on the host' },
  notCaptured: { said: 'not in the capture', badge: 'not captured' },
  lost: { said: 'lost on the way to the log', badge: 'lost' },
  egress: { said: 'leaves otherwise', badge: 'leaves otherwise' },
  counter: { said: 'counted otherwise', badge: 'counted otherwise' },
  conntrack: { said: 'tracked otherwise', badge: 'tracked otherwise' },
  undecidable: { said: 'undecidable', badge: 'undecidable' },
};

/** What is said of a kind of finding. The facts come from outside: whoever prints escapes. */
interface Words<Facts> {
  readonly title: string;
  readonly statement: (facts: Facts) => string;
  readonly advice: (facts: Facts) => string;
}

/** The one table of words; every report uses it. */
const WORDS = {
  ruleExtra: {
    title: 'Rule that the host has not',
    statement: ({ rule }) => `The host decides as if it had no rule ${rule}.`,
    advice: ({ rule }) =>
      `Look for ${rule} in the running ruleset (iptables-save -c): was it removed, or never loaded?`,
  },
  ruleMissing: {
    title: 'Rule that only the host has',
    statement: ({ chain, before, likely }) =>
      `The host has a rule in ${chain}${before === null ? '' : ` before ${before}`} that the given ruleset has not` +
      `${likely === null ? '' : `, such as ${likely}`}.`,
    advice: ({ likely }) =>
      'Save the ruleset again from the running kernel and compare.' +
      (likely !== null && /\b(DROP|drop)$/.test(likely)
        ? ' A table of nft, or of the other iptables, that was not given and drops there without a log looks just the same: see nft list ruleset, iptables-legacy-save and iptables-nft-save.'
        : ''),
  },
  ruleMoved: {
    title: 'Rule in another place',
    statement: ({ rule, to }) => `The host has ${rule} at ${to}.`,
    advice: () =>
      'The order decides which rule a packet meets first: compare the order with the running ruleset.',
  },
  ruleChanged: {
    title: 'Rule that differs',
    statement: ({ rule, field, given, host }) =>
      host === null
        ? `On the host, ${rule} does not have ${field} ${given}.`
        : `On the host, ${rule} has ${field} ${host}; the given ruleset says ${given}.`,
    advice: ({ rule }) => `Compare ${rule} with the running ruleset.`,
  },
  policy: {
    title: 'Policy that differs',
    statement: ({ chain, given, host }) =>
      `The policy of ${chain} is ${host} on the host; the given ruleset says ${given}.`,
    advice: ({ chain, host }) =>
      `Set the policy of ${chain} to ${host} in the given ruleset, or mend the host.`,
  },
  setElement: {
    title: 'Set that differs',
    statement: ({ set, table, element, onHost }) => {
      const name = table === null ? set : `${set} of table ${table}`;
      return onHost
        ? `The host's set ${name} holds ${element}; the given one does not.`
        : `The host's set ${name} does not hold ${element}; the given one does.`;
    },
    advice: ({ set }) => `List ${set} on the host; its elements may have timed out or been added since.`,
  },
  route: {
    title: 'Route that differs',
    statement: ({ given, host }) =>
      `The host routes by ${host ?? 'no such route'}; the snapshot says ${given ?? 'that there is none'}.`,
    advice: () => 'Compare ip route show table all with the snapshot.',
  },
  address: {
    title: 'Address that differs',
    statement: ({ interface: name, given, host }) =>
      `On the host, ${name} has ${host ?? 'no such address'}; the snapshot says ${given ?? 'none'}.`,
    advice: () => 'Compare ip addr with the snapshot.',
  },
  sysctl: {
    title: 'Kernel setting that differs',
    statement: ({ name, given, host }) => `${name} is ${host} on the host; the snapshot says ${given}.`,
    advice: ({ name }) => `Ask the host: sysctl ${name}.`,
  },
  olderConnections: {
    title: 'Connections older than the capture',
    statement: ({ count }) =>
      `${count} ${count === 1 ? 'connection was' : 'connections were'} known to the host before the capture began.`,
    advice: () => 'Give conntrack.txt (conntrack -L -o extended), taken when the capture begins.',
  },
  reloaded: {
    title: 'Ruleset loaded during the capture',
    statement: ({ at, to, isLater, rule }) => {
      const time = `${(at / 1e9).toFixed(6)} s`;
      if (to === 'same')
        return `By ${time}, the host has loaded the same rules anew: limits, quotas and counters begin again there.`;
      const when = isLater ? `From ${time} on` : `Until ${time}`;
      if (to !== 'other') return `${when}, the host decides without the rules of ${to.without}.`;
      const what = rule === null ? '' : `, in which ${rule} is otherwise`;
      return `${when}, the host decides by another ruleset${what}.`;
    },
    advice: () => 'Look for what reloads the firewall then, and cut the capture there.',
  },
  helper: {
    title: 'Connection tracking helper',
    statement: ({ name }) => `The host's ${name} helper expects connections that the replay does not.`,
    advice: ({ name }) =>
      `Look on the host for rules that assign it (-j CT --helper ${name}; ct helper set), or nf_conntrack_helper=1 before Linux 6.0.`,
  },
  otherTables: {
    title: 'Tables of another backend',
    statement: ({ which, onHost }) =>
      onHost
        ? `On the host, tables decide as well that were not given: ${which}.`
        : `The host decides as if it had not loaded ${which}.`,
    advice: () =>
      'Compare with iptables-legacy-save, iptables-nft-save and nft list ruleset on the host: each shows only its own.',
  },
  clock: {
    title: "The host's clock",
    statement: ({ file, offset, drift }) =>
      `The clock of ${file} is ${clockText(offset)} ${offset > 0 ? 'ahead of' : 'behind'} the capture's` +
      `${isZone(offset) ? ' (another time zone?)' : ''}${driftText(drift)}.`,
    advice: () =>
      'Lines and packets were paired all the same. Compare date -u on the host with the machine that captured.',
  },
  logLost: {
    title: 'Log lines lost',
    statement: ({ count, reason }) =>
      `${count} ${count === 1 ? 'line was' : 'lines were'} lost on the way to the log${reason === null ? '' : ` (${reason})`}.`,
    advice: () => "Raise the ring buffer (log_buf_len) and journald's RateLimitBurst, or log less.",
  },
  captureIncomplete: {
    title: 'Capture incomplete',
    statement: ({ packets, isBefore }) =>
      isBefore
        ? `The host logged ${packets} ${packets === 1 ? 'line' : 'lines'} just before the capture begins.`
        : `The host logged ${packets} ${packets === 1 ? 'packet' : 'packets'} that the capture has not.`,
    advice: ({ isBefore }) =>
      isBefore
        ? 'Begin the capture earlier: what rules and connections remember of those packets is not known.'
        : 'Capture on every interface (tcpdump -i any) with a larger buffer (-B).',
  },
  unexplained: {
    title: 'Not explained',
    statement: ({ rule, onlySimulated, onlyHost, fields, counters, leaving, connections }) => {
      const parts = [
        onlySimulated > 0 && `${onlySimulated} ${onlySimulated === 1 ? 'line' : 'lines'} only simulated`,
        onlyHost > 0 && `${onlyHost} only on the host`,
        fields.length > 0 && `${fields.join(', ')} ${fields.length === 1 ? 'differs' : 'differ'}`,
        counters > 0 && 'counted otherwise',
      ].filter((part) => part !== false);
      if (leaving > 0) return `${leaving} ${leaving === 1 ? 'packet leaves' : 'packets leave'} otherwise.`;
      if (connections > 0)
        return `${connections} ${connections === 1 ? 'connection is' : 'connections are'} tracked otherwise.`;
      return `${rule ?? 'Lines of no known rule'}: ${parts.join('; ')}.`;
    },
    advice: ({ rule }) =>
      rule === null
        ? 'None of the causes that were tried explains this: compare the running ruleset, routes and sets with those given.'
        : `Ask nfreplay why ${rule} does or does not fire, and compare the rules before it with the host's.`,
  },
} satisfies { readonly [K in FindingKind]: Words<FindingFacts[K]> };

/** `9 h`, `2 days 3 min`: the two largest units of ns; of what looks like a zone, that zone. */
function clockText(offset: number): string {
  const ns = Math.abs(isZone(offset) ? Math.round(offset / QUARTER) * QUARTER : offset);
  const units = [
    [86_400e9, 'days'],
    [3600e9, 'h'],
    [60e9, 'min'],
    [1e9, 's'],
  ] as const;
  let rest = Math.round(ns / 1e9) * 1e9;
  const parts: string[] = [];
  for (const [size, name] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0 && parts.length < 2)
      parts.push(`${count} ${count === 1 && name === 'days' ? 'day' : name}`);
  }
  return parts.join(' ');
}

const QUARTER = 900e9;
/** Zones reach from 12 hours behind to 14 ahead. */
const WIDEST_ZONE = 14 * 3600e9;

/** Zones differ by whole quarters of an hour. */
function isZone(offset: number): boolean {
  const apart = Math.abs(offset - Math.round(offset / QUARTER) * QUARTER);
  return apart < 10e9 && Math.abs(offset) <= WIDEST_ZONE && Math.abs(offset) > QUARTER / 2;
}

function driftText(drift: number): string {
  const ppm = drift * 1e6;
  return Math.abs(ppm) < 0.5 ? '' : ` and ${ppm > 0 ? 'gains' : 'loses'} ${Math.abs(ppm).toFixed(1)} ppm`;
}

/** A finding in words. */
export interface Worded {
  readonly title: string;
  readonly statement: string;
  readonly advice: string;
}

export function wordsOf({ kind, facts }: Pick<Finding, 'kind' | 'facts'>): Worded {
  // Kind and facts belong together by the type of Finding, which the lookup by kind loses.
  const words = WORDS[kind] as Words<unknown>;
  return { title: words.title, statement: words.statement(facts), advice: words.advice(facts) };
}
