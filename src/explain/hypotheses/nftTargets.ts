import type { Log } from '../../rules/nft/model.js';
import { nftPrinter } from '../../frontend/nft/print/print.js';
import type { Clues, Gap } from './clues.js';
import { flagsOf } from './nftChanges.js';
import {
  bitsOfJump,
  bitsOfLog,
  comesToHost,
  destinations,
  framesOf,
  marks,
  ports,
  refusals,
  type Target,
  valuesOf,
} from './targets.js';

/** Chains of the table that a rule may jump to, looked at. */
const MOST_CHAINS = 16;

/** What a rule of nft at this place could do that would be seen so. */
export function* nftTargets(clues: Clues, { chain, at }: Gap): Generator<Target> {
  const { table, base } = chain;
  for (const { prefix, lines } of clues.prefixes) {
    const log: Log = {
      kind: 'log',
      prefix: prefix === '' ? null : prefix,
      level: null,
      flags: flagsOf(lines),
      group: null,
      snaplen: null,
      queueThreshold: null,
    };
    const target = nftPrinter.statement(log, table.family);
    const about = { bits: 2 + bitsOfLog(prefix, chain, at), logs: true, frames: framesOf(lines) };
    yield { target, ...about };
    // A rule of nft may log and decide.
    for (const verdict of base?.type === 'nat' ? ['accept'] : ['accept', 'drop'])
      yield { ...about, target: `${target} ${verdict}`, bits: about.bits + 1 };
  }
  if (clues.foreignLines > 0) return;
  const isNat = base?.type === 'nat';
  if (!isNat) yield { target: 'drop', bits: 2 };
  yield { target: 'accept', bits: 2 };
  // At the end of a base chain it does what the policy does most often: accept.
  yield { target: 'return', bits: base ? 4 : 2 };
  const chains = [...table.chains.values()].filter((c) => !c.base && c !== chain && c.rules.length > 0);
  for (const other of chains.slice(0, MOST_CHAINS)) {
    const bits = bitsOfJump(clues, chain, other);
    yield { target: `jump ${other.name}`, bits };
    yield { target: `goto ${other.name}`, bits: bits + 2 };
  }
  if (!isNat)
    for (const kind of refusals(clues))
      yield {
        target: kind === 'tcp-reset' ? 'reject with tcp reset' : `reject with icmp ${ICMP.get(kind)}`,
        bits: 4,
      };
  if (base && base.priority < CONNTRACK) yield { target: 'notrack', bits: 5 };
  for (const mark of marks(clues)) {
    const [set, mask] = mark.split('/').map(Number);
    const value =
      mask === 0xffffffff
        ? `0x${set.toString(16)}`
        : `meta mark and 0x${(~mask >>> 0).toString(16)} or 0x${set.toString(16)}`;
    yield { target: `meta mark set ${value}`, bits: 4 };
  }
  if (isNat) yield* translations(clues);
  for (const ttl of valuesOf(clues, 'TTL')) yield { target: `ip ttl set ${ttl}`, bits: 5 };
  for (const tos of valuesOf(clues, 'TOS')) yield { target: `ip dscp set ${Number(tos) >> 2}`, bits: 5 };
}

/** Priority at which connections are looked up (`NF_IP_PRI_CONNTRACK`, linux/netfilter_ipv4.h). */
const CONNTRACK = -200;

const ICMP = new Map([
  ['icmp-net-unreachable', 'net-unreachable'],
  ['icmp-host-unreachable', 'host-unreachable'],
  ['icmp-proto-unreachable', 'prot-unreachable'],
  ['icmp-port-unreachable', 'port-unreachable'],
  ['icmp-net-prohibited', 'net-prohibited'],
  ['icmp-host-prohibited', 'host-prohibited'],
  ['icmp-admin-prohibited', 'admin-prohibited'],
]);

/** Destinations and sources that only the host's lines have. */
function* translations(clues: Clues): Generator<Target> {
  for (const to of valuesOf(clues, 'DST')) yield { target: `dnat ip to ${to}`, bits: 5 };
  for (const { address, port, protocol } of destinations(clues))
    yield { target: `meta l4proto ${protocol} dnat ip to ${address}:${port}`, bits: 5 };
  if (comesToHost(clues)) yield { target: 'redirect', bits: 5 };
  for (const { port, protocol } of ports(clues))
    yield { target: `meta l4proto ${protocol} redirect to :${port}`, bits: 6 };
  if (valuesOf(clues, 'SRC').length > 0) yield { target: 'masquerade', bits: 4 };
  for (const to of valuesOf(clues, 'SRC')) yield { target: `snat ip to ${to}`, bits: 5 };
}
