import { quoteWord } from '../../frontend/iptables/words.js';
import { Hook } from '../../rules/hook.js';
import { logPrefixes } from '../../rules/logPrefix.js';
import type { Chain, Rule } from '../../rules/model.js';
import { jumpsOf } from '../jumps.js';
import { waysTo } from '../reach.js';
import { refusalsIn } from './refusals.js';
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
    const bits = bitsOfJump(clues, chain, other);
    yield { target: `-j ${other.name}`, bits };
    yield { target: `-g ${other.name}`, bits: bits + 2 };
  }
  if (table.name === 'filter')
    for (const kind of refusals(clues)) yield { target: `-j REJECT --reject-with ${kind}`, bits: 3 };
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
  const unusual = chain.table.nft || chain.table.name === 'filter' ? 0 : 1;
  return outOfOrder(prefix, chain, at) + unusual - (isAtEnd ? 1 : 0) - (isNamed ? 2 : 0);
}

/**
 * Bits of a jump from one chain to another: fewer where no packet came to that one so far, which is not what it is there
 * for; where they are named as parts of one thing (KUBE-SVC-… and KUBE-SEP-…, but not two of KUBE-SEP-…); and where one
 * that is named like it is jumped to from there as well.
 */
export function bitsOfJump({ entered }: Clues, from: Chain, to: Chain): number {
  const isPart = !from.base && partsOf(from.name)[0] === partsOf(to.name)[0] && !arePeers(from.name, to.name);
  const isBeside = from.rules.some((rule) => jumpsOf(rule).some(({ chain }) => arePeers(chain, to.name)));
  return 3 - (entered.has(to) ? 0 : 1) - (isPart ? 1 : 0) - (isBeside ? 1 : 0);
}

/** `KUBE-SEP-Q2ZL7T` and `KUBE-SEP-JXR3GL`: the same but for the last part. */
export function arePeers(one: string, two: string): boolean {
  const [a, b] = [partsOf(one), partsOf(two)];
  return a.length > 2 && a.length === b.length && a.slice(0, -1).every((part, i) => part === b[i]);
}

function partsOf(name: string): string[] {
  return name.split(PARTS);
}

const PARTS = /[-_]/;

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

/** With what the host refuses packets that by the given rules it does not: in lines of its own, or seen to leave. */
export function refusals({ hostLines, walks }: Clues): ReadonlySet<string> {
  return new Set([...refusalsIn(hostLines), ...walks.refusals]);
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
  // Who has chains of their own there keeps such rules in them.
  const bits = chain.base ? 5 : 4;
  // Each is taken only in chains that these hooks alone lead to (.hooks in net/netfilter/xt_nat.c, xt_REDIRECT.c, xt_MASQUERADE.c).
  const isOnly = (...of: readonly Hook[]): boolean => hooks.every((h) => h !== undefined && of.includes(h));
  if (isOnly(Hook.prerouting, Hook.output)) {
    for (const to of valuesOf(clues, 'DST')) yield { target: `-j DNAT --to-destination ${to}`, bits };
    for (const { address, port, protocol } of destinations(clues))
      yield { target: `-p ${protocol} -j DNAT --to-destination ${address}:${port}`, bits };
    if (comesToHost(clues)) yield { target: '-j REDIRECT', bits };
    for (const { port, protocol } of ports(clues))
      yield { target: `-p ${protocol} -j REDIRECT --to-ports ${port}`, bits: bits + 1 };
  }
  const sources = valuesOf(clues, 'SRC');
  if (isOnly(Hook.postrouting) && sources.length > 0) yield { target: '-j MASQUERADE', bits: bits - 1 };
  if (isOnly(Hook.postrouting, Hook.input))
    for (const to of sources) yield { target: `-j SNAT --to-source ${to}`, bits };
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

/** A port that packets go to on the host alone, and the protocol that a rule must ask for to name it. */
export interface OtherPort {
  readonly port: string;
  readonly protocol: string;
}

export function ports(clues: Clues): OtherPort[] {
  return valuesOf(clues, 'DPT').flatMap((port) => {
    const said = clues.hostLines.filter(({ fields }) => fields.get('DPT') === port);
    const protocols = new Set(said.map(({ fields }) => (fields.get('PROTO') ?? '').toLowerCase()));
    const known = ['tcp', 'udp'].filter((p) => protocols.size === 0 || protocols.has(p));
    return known.map((protocol) => ({ port, protocol }));
  });
}

/** Addresses that packets go to on the host alone, with the ports of those packets. */
export function destinations(clues: Clues): (OtherPort & { readonly address: string })[] {
  const addresses = new Set(valuesOf(clues, 'DST'));
  const out = new Map<string, OtherPort & { readonly address: string }>();
  for (const { fields } of clues.hostLines) {
    const [address = '', port = ''] = [fields.get('DST'), fields.get('DPT')];
    const protocol = (fields.get('PROTO') ?? '').toLowerCase();
    if (addresses.has(address) && port !== '') out.set(`${address} ${port}`, { address, port, protocol });
  }
  return [...out.values()].slice(0, 4);
}

const OPTIONS = new Map([
  ['SRC', '-s'],
  ['DST', '-d'],
  ['DPT', '--dport'],
]);
