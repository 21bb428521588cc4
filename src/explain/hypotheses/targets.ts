import { quoteWord } from '../../frontend/iptables/words.js';
import { Hook } from '../../rules/hook.js';
import { logPrefixes } from '../../rules/logPrefix.js';
import type { Chain, Rule } from '../../rules/model.js';
import { waysTo } from '../reach.js';
import type { Clues, Gap, HostLine } from './clues.js';

/** What a rule that the host may have beyond those given would do. */
export interface Target {
  readonly target: string;
  readonly bits: number;
  /** It writes to the log. */
  readonly logs?: boolean;
  /** Where they are others than all that differ. */
  readonly frames?: ReadonlySet<number>;
}

/** What a rule of iptables at this place could do that would be seen so. */
export function* iptablesTargets(clues: Clues, { chain, at }: Gap): Generator<Target> {
  const { table, base } = chain;
  for (const { prefix, lines } of clues.prefixes) {
    const flags = logFlags(lines);
    const frames = framesOf(lines);
    yield {
      target: `-j LOG${prefix === '' ? '' : ` --log-prefix ${quoteWord(prefix)}`}${flags}`,
      bits: 2 + bitsOfLog(prefix, chain, at),
      logs: true,
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
    .slice(0, 16)) {
    yield { target: `-j ${other.name}`, bits: 3 };
    yield { target: `-g ${other.name}`, bits: 5 };
  }
  if (table.name === 'filter')
    for (const kind of rejections(clues.hostLines))
      yield { target: `-j REJECT --reject-with ${kind}`, bits: 3 };
  if (table.name === 'raw') yield { target: '-j CT --notrack', bits: 5 };
  for (const mark of marks(clues)) yield { target: `-j MARK --set-xmark ${mark}`, bits: 4 };
  if (table.name === 'nat') yield* translations(clues, chain);
  if (table.name === 'mangle') {
    for (const ttl of valuesOf(clues, 'TTL')) yield { target: `-j TTL --ttl-set ${ttl}`, bits: 5 };
    for (const tos of valuesOf(clues, 'TOS')) yield { target: `-j TOS --set-tos ${tos}/0xff`, bits: 5 };
  }
}

/**
 * Bits that a place costs for a rule that logs with a prefix, or saves: such rules stand most often at a chain's
 * beginning or end, and many prefixes name the chain.
 */
export function bitsOfLog(prefix: string, chain: Chain, at: number): number {
  const isAtEnd = at === 0 || at === chain.rules.length;
  const isNamed = chain.name.length > 1 && prefix.toLowerCase().includes(chain.name.toLowerCase());
  return outOfOrder(prefix, chain, at) - (isAtEnd ? 1 : 0) - (isNamed ? 2 : 0);
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
  return before === own.number - 1 || behind === own.number + 1 ? -2 : 0;
}

function numbered(prefix: string): { words: string; number: number } | null {
  const m = /^(\D*)(\d{1,9})(\D*)$/.exec(prefix);
  return m && { words: `${m[1]}#${m[3]}`, number: Number(m[2]) };
}

function prefixOf(rule: Rule): string {
  return logPrefixes(rule)[0] ?? '';
}

/** The known frames of lines. */
export function framesOf(lines: readonly HostLine[]): Set<number> {
  const frames = new Set(lines.map((l) => l.frame));
  frames.delete(0);
  return frames;
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
export function rejections(lines: readonly HostLine[]): Set<string> {
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
export function marks({ fields }: Clues): Set<string> {
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
function* translations(clues: Clues, chain: Chain): Generator<Target> {
  const hooks = [...waysTo(chain).bases].map(({ base }) => base?.hook);
  // Each is taken only in chains that these hooks alone lead to (.hooks in net/netfilter/xt_nat.c, xt_REDIRECT.c, xt_MASQUERADE.c).
  const isOnly = (...of: readonly Hook[]): boolean => hooks.every((h) => h !== undefined && of.includes(h));
  if (isOnly(Hook.prerouting, Hook.output)) {
    for (const to of valuesOf(clues, 'DST')) yield { target: `-j DNAT --to-destination ${to}`, bits: 5 };
    if (comesToHost(clues)) yield { target: '-j REDIRECT', bits: 5 };
    for (const port of valuesOf(clues, 'DPT')) yield { target: `-j REDIRECT --to-ports ${port}`, bits: 6 };
  }
  const sources = valuesOf(clues, 'SRC');
  if (isOnly(Hook.postrouting) && sources.length > 0) yield { target: '-j MASQUERADE', bits: 4 };
  if (isOnly(Hook.postrouting, Hook.input))
    for (const to of sources) yield { target: `-j SNAT --to-source ${to}`, bits: 5 };
}

/** Whether packets that go elsewhere by the given rules are for an address of the host there. */
export function comesToHost(clues: Clues): boolean {
  const own = new Set(clues.world.host.addresses.map((a) => a.address.toString()));
  return valuesOf(clues, 'DST').some((to) => own.has(to));
}

/** What the host has in a field where the simulation has something else. */
export function valuesOf({ fields, hostLines, frames, walks }: Clues, field: string): string[] {
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
