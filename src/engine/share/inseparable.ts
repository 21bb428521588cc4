import { set } from '../../rules/matches/set.js';
import { type Rule, ruleAddress, type Ruleset, type Step } from '../../rules/model.js';
import type { NftTable } from '../../rules/nft/model.js';
import { partsOf } from '../../rules/nft/parts.js';
import type { IpSets } from '../../rules/sets/set.js';
import { HostLimit, PeerLimit } from '../stack/icmpLimit.js';
import type { Noted } from './share.js';
import { parseAddress } from '../../address/ip.js';

const BELOW_IP: ReadonlySet<string> = new Set(['netdev', 'bridge', 'arp']);
const STATEMENTS_OF_A_PACKET: ReadonlySet<string> = new Set([
  ...['match', 'verdict', 'vmap', 'counter', 'log', 'reject', 'nat', 'mangle', 'resetTcpOption', 'notrack'],
]);
const EXPRESSIONS_OF_THE_HOST: ReadonlySet<string> = new Set(['numgen', 'socket', 'osf']);

/** Why the rules cannot run on shares of the connections; null: nothing in them is common to all. */
export function whyWhole(ruleset: Ruleset, sets: IpSets): string | null {
  for (const { chains, nft, family, name } of ruleset.tables) {
    if (BELOW_IP.has(family))
      return `table ${family} ${name} sees frames that are no packets of a connection`;
    for (const { rules } of chains.values())
      for (const rule of rules)
        for (const step of rule.steps) {
          const what = commonIn(step, sets, nft);
          if (what) return `rule ${ruleAddress(rule)} has ${what}, common to all packets: ${textOf(rule)}`;
        }
  }
  return null;
}

function textOf({ text }: Rule): string {
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

function commonIn(step: Step, sets: IpSets, nft: NftTable | undefined): string | null {
  switch (step.kind) {
    case 'match': {
      const { definition } = step;
      if (definition === set) return setInCommon(sets);
      return definition.common ? `-m ${definition.name}` : null;
    }
    case 'target':
      return step.definition.common ? `-j ${step.definition.name}` : null;
    case 'statement':
      if (!STATEMENTS_OF_A_PACKET.has(step.statement.kind)) return `"${step.text}"`;
      return expressionInCommon(step.statement, nft);
    default:
      return null;
  }
}

/** A set that counts, or that a packet may change by asking; all others are the same for everyone. */
function setInCommon(sets: IpSets): string | null {
  for (const { name, options, type } of sets.values())
    if (options.counters || type.name === 'bitmap:ip,mac') return `a set (${name} counts)`;
  return null;
}

function expressionInCommon(statement: object, nft: NftTable | undefined): string | null {
  for (const { kind, name } of partsOf(statement)) {
    if (EXPRESSIONS_OF_THE_HOST.has(kind)) return kind;
    if (kind !== 'setReference') continue;
    const set = typeof name === 'string' ? nft?.sets.get(name) : undefined;
    const busy = set && (set.statements.length > 0 || set.elements.some((e) => e.statements.length > 0));
    if (busy) return `the set ${set.name}, whose elements have statements`;
  }
  return null;
}

/** Why shares that ran may not come to what one replay comes to; null: they do. */
export function whyNotAlike(shares: readonly Noted[]): string | null {
  for (const [i, { foundNobody }] of shares.entries())
    for (const [socket, last] of foundNobody)
      for (const [j, { sentFrom }] of shares.entries())
        if (j !== i && (sentFrom.get(socket) ?? Infinity) < last)
          return `packets came to port ${socket & 0xffff}, which the host was seen to send from in other connections`;
  const messages = shares.flatMap((share) => share.messages).sort((a, b) => a.frame - b.frame);
  const host = new HostLimit();
  const peer = new PeerLimit();
  for (const { time, rate, burst, destination, interval, allowed } of messages) {
    const address = parseAddress(destination);
    const credit = rate === null || host.allows(rate, burst, time);
    const isAllowed =
      credit === true && (interval === null || !address || peer.allows(address, interval, time));
    if (credit === null || isAllowed !== allowed)
      return 'the host answers so often that its answers share a limit (net.ipv4.icmp_msgs_per_sec, icmp_ratelimit)';
    if (isAllowed) host.consume();
  }
  return null;
}
