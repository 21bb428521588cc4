import { modelCounters, printSave } from '../frontend/iptables/print.js';
import { printNft } from '../frontend/nft/print/print.js';
import { printConntrack, type ConntrackEventKind } from '../host/conntrackText.js';
import type { Chain, Rule } from '../rules/model.js';
import { listedTable, type RunningRule } from '../rules/nft/eval/listed.js';
import type { NftRuleset } from '../rules/nft/model.js';
import { type ConnectionEntry, CtEvent } from './conntrack/entry.js';
import { listConnection } from './conntrack/snapshot.js';
import type { Tracker } from './conntrack/tracker.js';
import type { PredictedLine } from './events.js';
import { type CompiledRule, type Program, StepKind } from './walk/program.js';

/** What a rule, or a base chain's policy, has counted by now. */
export interface Counted {
  readonly packets: number;
  readonly bytes: number;
}

/** The counters of a program by rule and chain, as they are when it is called. */
export function countersOf(program: Program): (of: Rule | Chain) => Counted {
  const counted = new Map<Rule | Chain, Counted>();
  for (const chain of program.chains) {
    if (chain.chain.base)
      counted.set(chain.chain, { packets: chain.policyPackets, bytes: chain.policyBytes });
    for (const rule of chain.rules) counted.set(rule.rule, rule);
  }
  return (of) => counted.get(of) ?? modelCounters(of);
}

/** The rules with their counters, as iptables-save -c prints them. */
export function saveText(program: Program, version: 4 | 6): string {
  const tables = program.ruleset.tables.filter((table) => !table.nft);
  return printSave(tables, version, countersOf(program));
}

/** The connections that are alive at `now`, as conntrack -L -o extended prints them. */
export function conntrackText(tracker: Tracker, now: number): string {
  tracker.table.collect(now);
  let text = '';
  for (const entry of tracker.table.entries()) text += `${printConntrack(listConnection(entry, now))}\n`;
  return text;
}

/**
 * One event, as conntrack -E prints it: without what a list has and an event has not. Counters come with the last event,
 * which has a timeout only where one is left, and the state with a change of it (`ctnetlink_conntrack_event()`, net/netfilter/nf_conntrack_netlink.c).
 * @param events what an update is about
 */
export function conntrackEvent(
  kind: ConntrackEventKind,
  entry: ConnectionEntry,
  now: number,
  events: number = CtEvent.protoinfo,
): string {
  const {
    version: _version,
    use: _use,
    mark,
    state,
    original,
    reply,
    ...listed
  } = listConnection(entry, now);
  const isLast = kind === 'DESTROY';
  const counts = isLast ? {} : { packets: undefined, bytes: undefined };
  return printConntrack({
    ...listed,
    timeout: isLast && listed.timeout === 0 ? undefined : listed.timeout,
    original: { ...original, ...counts },
    reply: { ...reply, ...counts },
    event: kind,
    state: events & CtEvent.protoinfo ? state : undefined,
    mark: mark === 0 && !(events & CtEvent.mark) ? undefined : mark,
  });
}

/** A predicted line as dmesg prints it, with capture time: `[%5lu.%06lu] text`. */
export function dmesgLine({ time, text }: Pick<PredictedLine, 'time' | 'text'>): string {
  return `[${(time / 1e9).toFixed(6).padStart(12)}] ${text}\n`;
}

/**
 * Whether a line belongs into the simulated host's log: one with a made-up flow label is no line that a host has
 * logged; `logs.csv` and the comparison have it.
 */
export function isWritten(line: PredictedLine): boolean {
  return line.guessed !== 'FLOWLBL';
}

/** The nft tables as they are at `now`, for printing: with their counts, and the elements that their sets have. */
export function nftRuleset(program: Program, now: number): NftRuleset {
  const rules = new Map(program.chains.map((chain) => [chain.chain, chain.rules]));
  const tables = [...program.running].map(([table, running]) => {
    const rulesOf = (name: string): RunningRule[] => {
      const chain = table.chains.get(name);
      return (chain ? (rules.get(chain) ?? []) : []).map(runningRule);
    };
    return listedTable(running, rulesOf, now);
  });
  return { tables };
}

function runningRule({ packets, bytes, steps }: CompiledRule): RunningRule {
  const statements = steps.map((step) => (step.kind === StepKind.statement ? step.statement : null));
  return { packets, bytes, statements };
}

/** The nft rules with their counts, as nft list ruleset prints them. */
export function nftText(program: Program, now: number): string {
  return printNft(nftRuleset(program, now));
}
