import type { SetView } from '../../rules/context.js';
import type { Field } from '../../rules/definition.js';
import { set, type SetMatch } from '../../rules/matches/set.js';
import { lastingFields } from '../../rules/nft/eval/lasting.js';
import { type CompiledChain, type CompiledRule, type CompiledStep, StepKind } from '../walk/program.js';

/** What a flow's packets may differ in and rules may read all the same: then it is compared for each packet. */
export const Guard = { tos: 1, tcpFlags: 2, status: 4, sets: 8 } as const;
/** The step may go otherwise for the next packet of the same flow, or does something. */
export const VARIES = -1;

/**
 * What is the same for all packets of an established connection that come in one direction by one interface, whole,
 * addressed to this host at the link, and without a mark; of these alone the way is kept (flowPath.ts).
 */
const LASTING: ReadonlySet<Field> = new Set<Field>([
  ...([
    'ip.source',
    'ip.destination',
    'ip.protocol',
    'ip.fragment',
    'sourcePort',
    'destinationPort',
  ] as const),
  ...(['in', 'out', 'physIn', 'physOut', 'packetType', 'icmp.type', 'mark'] as const),
  ...(['ct.state', 'ct.tuple', 'ct.direction', 'ct.helper'] as const),
]);

/** Of these what is the same for all connections of a kind (commonWays.ts). */
const COMMON: ReadonlySet<Field> = new Set<Field>([
  ...(['in', 'out', 'physIn', 'physOut', 'packetType', 'mark'] as const),
  ...(['ip.protocol', 'ip.fragment', 'ip.tos', 'tcp.flags', 'ct.state', 'ct.direction'] as const),
]);

const GUARDED: ReadonlyMap<Field, number> = new Map<Field, number>([
  ['ip.tos', Guard.tos],
  // Routes may be chosen by it.
  ['routing', Guard.tos],
  ['tcp.flags', Guard.tcpFlags],
  ['ct.status', Guard.status],
]);

/** Matches that ask of the transport header only whether it is there, or for what the flow is known by. */
const WHOLE_HEADER: ReadonlySet<string> = new Set(['tcp', 'udp', 'multiport', 'icmp', 'icmp6']);
/** Targets that do nothing but decide. */
const DECIDING: ReadonlySet<string> = new Set(['ACCEPT', 'DROP', 'RETURN']);

/** By step of a rule: the guards under which it goes the same way for every packet of a flow, or VARIES. */
export function guardsOf(rule: CompiledRule, sets: SetView): Int8Array {
  return (rule.guards ??= Int8Array.from(rule.steps, (step) => guardsOfStep(step, rule, sets)));
}

/** Whether no test in the chain asks more than of what kind a packet's connection is. */
export function isCommon(chain: CompiledChain): boolean {
  return (chain.isCommon ??= chain.rules.every((rule) => rule.steps.every((step) => asksKind(step, rule))));
}

function asksKind(step: CompiledStep, { rule }: CompiledRule): boolean {
  switch (step.kind) {
    case StepKind.counter:
    case StepKind.jump:
    case StepKind.target:
      return true;
    case StepKind.match:
      if (step.definition === set || !step.definition.pure) return false;
      return step.definition.reads(step.data).every((field) => COMMON.has(field));
    case StepKind.statement: {
      const { nft } = rule.chain.table;
      const fields = nft && lastingFields(step.statement.statement, nft);
      return fields?.every((field) => COMMON.has(field)) ?? false;
    }
  }
}

function guardsOfStep(step: CompiledStep, { rule }: CompiledRule, sets: SetView): number {
  switch (step.kind) {
    case StepKind.counter:
    case StepKind.jump:
      return 0;
    case StepKind.target:
      return DECIDING.has(step.definition.name) ? 0 : VARIES;
    case StepKind.match: {
      const { definition, data } = step;
      if (definition === set) return guardsOfSet(step.data as SetMatch, sets);
      if (!definition.pure) return VARIES;
      const fields = definition.reads(data);
      const isWhole = WHOLE_HEADER.has(definition.name);
      return guardsOfFields(isWhole ? fields.filter((field) => field !== 'transport') : fields);
    }
    case StepKind.statement: {
      const { nft } = rule.chain.table;
      const fields = nft ? lastingFields(step.statement.statement, nft) : null;
      return fields ? guardsOfFields(fields) : VARIES;
    }
  }
}

/** What has no time and no counters stays as it is until a rule changes a set. */
function guardsOfSet({ name }: SetMatch, sets: SetView): number {
  const fields = sets.lastingFields(name);
  const guards = fields ? guardsOfFields(fields) : VARIES;
  return guards === VARIES ? VARIES : guards | Guard.sets;
}

function guardsOfFields(fields: readonly Field[]): number {
  let guards = 0;
  for (const field of fields) {
    if (LASTING.has(field)) continue;
    const guard = GUARDED.get(field);
    if (guard === undefined) return VARIES;
    guards |= guard;
  }
  return guards;
}
