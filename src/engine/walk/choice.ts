import type { IpAddress } from '../../address/ip.js';
import type { Packet } from '../../packet/packet.js';
import { addressOf } from '../../packet/addresses.js';
import { hasPorts, rewrite } from '../../packet/rewrite.js';
import { Manip, type NatRange } from '../../rules/context.js';
import type { TargetDefinition } from '../../rules/definition.js';
import { Outcome, Verdict } from '../../rules/verdict.js';
import { type BaseChainProgram, type CompiledChain, type CompiledRule, StepKind } from './program.js';
import type { RuleContext } from './ruleContext.js';

/*
 * Random choices by evidence (design decision 7): a rule that draws a number sends the packet one way or the other,
 * and the capture shows which. Both ways are followed without touching anything, and the one that leads to what was
 * seen is taken.
 */

/** A place in a walk: the next rule of a chain, and where to go on behind it. */
export interface Place {
  readonly chain: CompiledChain;
  readonly index: number;
  readonly next: Place | null;
}

/** What a walk can come to, as far as a capture can tell. */
export type Effect =
  | { readonly kind: 'translated'; readonly manip: Manip; readonly range: NatRange }
  | { readonly kind: 'passed' }
  | { readonly kind: 'dropped' };

/** Ways followed at most for one question; beyond it nothing is concluded. */
const MOST_WAYS = 256;

class TooMany extends Error {}

/** Everything that the walk from a place on can come to, whatever its random and counting tests say. */
export function effectsFrom(place: Place, packet: Packet, context: RuleContext): Effect[] | null {
  const effects: Effect[] = [];
  try {
    follow(place, packet, context, effects, { ways: 0 });
  } catch (error) {
    if (error instanceof TooMany) return null;
    throw error;
  }
  return effects;
}

/** The same for a rule whose tests hit, standing before `after`. */
export function effectsOfRule(
  rule: CompiledRule,
  after: Place,
  packet: Packet,
  context: RuleContext,
): Effect[] | null {
  const effects: Effect[] = [];
  try {
    take(rule, after, packet, context, effects, { ways: 0 });
  } catch (error) {
    if (error instanceof TooMany) return null;
    throw error;
  }
  return effects;
}

interface Budget {
  ways: number;
}

function follow(from: Place, packet: Packet, context: RuleContext, effects: Effect[], budget: Budget): void {
  if (++budget.ways > MOST_WAYS) throw new TooMany();
  let place: Place | null = from;
  while (place) {
    const { chain, next }: Place = place;
    let { index }: Place = place;
    for (; index < chain.rules.length; index++) {
      const rule = chain.rules[index];
      const outcome = pureOutcome(rule, packet, context);
      if (outcome === Outcome.miss) continue;
      if (outcome === Outcome.hotdrop) {
        effects.push({ kind: 'dropped' });
        return;
      }
      const after: Place = { chain, index: index + 1, next };
      if (take(rule, after, packet, context, effects, budget) === 'goes on') continue;
      if (outcome === Outcome.hit) return;
    }
    place = next;
  }
  effects.push({ kind: 'passed' });
}

/** Whether the rule matches, `unknown` where that hangs on a test whose answer is not fixed. */
function pureOutcome(rule: CompiledRule, packet: Packet, context: RuleContext): Outcome {
  let result: Outcome = Outcome.hit;
  for (const step of rule.steps) {
    if (step.kind !== StepKind.match) continue;
    if (!step.definition.pure) {
      result = Outcome.unknown;
      continue;
    }
    const outcome = step.definition.test(step.data, packet, context, step.state);
    if (outcome === Outcome.miss || outcome === Outcome.hotdrop) return outcome;
    if (outcome === Outcome.unknown) result = Outcome.unknown;
  }
  return result;
}

function take(
  rule: CompiledRule,
  after: Place,
  packet: Packet,
  context: RuleContext,
  effects: Effect[],
  budget: Budget,
): 'goes on' | 'ends' {
  const last = rule.steps[rule.steps.length - 1];
  if (last.kind === StepKind.jump) {
    const next = last.goto ? after.next : after;
    follow({ chain: last.chain, index: 0, next }, packet, context, effects, budget);
    return 'ends';
  }
  if (last.kind !== StepKind.target) return 'goes on';
  const translation = translationOf(last.definition, last.data, last.state, packet, context);
  if (translation) {
    effects.push(translation);
    return 'ends';
  }
  switch (last.definition.name) {
    case 'ACCEPT':
      effects.push({ kind: 'passed' });
      return 'ends';
    case 'DROP':
    case 'REJECT':
      effects.push({ kind: 'dropped' });
      return 'ends';
    case 'RETURN':
      if (after.next) follow(after.next, packet, context, effects, budget);
      else effects.push({ kind: 'passed' });
      return 'ends';
    default:
      return 'goes on';
  }
}

/** What a NAT target asks for, without doing it. */
function translationOf(
  definition: TargetDefinition,
  data: unknown,
  state: unknown,
  packet: Packet,
  context: RuleContext,
): Effect | null {
  if (!definition.translates) return null;
  let asked: Effect | null = null;
  const probe = Object.create(context) as RuleContext;
  probe.setupNat = (_packet, manip, range) => {
    asked = { kind: 'translated', manip, range };
    return true;
  };
  const verdict = definition.run(data, packet, probe, state);
  return asked ?? (verdict === Verdict.drop ? { kind: 'dropped' } : null);
}

/** Whether a packet that was seen to leave can have come out of this effect on `before`. */
export function agrees(effect: Effect, before: Packet, left: Packet): boolean {
  switch (effect.kind) {
    case 'dropped':
      return false;
    case 'passed':
      return addressOf(before, 'destination').equals(addressOf(left, 'destination'));
    case 'translated': {
      const side = effect.manip === Manip.source ? 'source' : 'destination';
      const { minAddress, maxAddress, minPort, maxPort } = effect.range;
      const address = addressOf(left, side);
      if (minAddress && maxAddress && !address.isBetween(minAddress, maxAddress)) return false;
      if (minPort === null || maxPort === null || !hasPorts(left.protocol)) return true;
      const port = side === 'source' ? left.sourcePort : left.destinationPort;
      return port >= minPort && port <= maxPort;
    }
  }
}

/** Where a packet may have been sent to before a DNAT rule gave it the destination it left with. */
export interface Aim {
  readonly destination: IpAddress;
  readonly port: number | null;
}

/**
 * Destinations that the DNAT rules below a base chain would have turned into that of `left`: the addresses and ports
 * which the rules on the way there ask for. Those that really lead there come back.
 * @param addresses destinations to try where the rules name none
 */
export function aimsOf(
  base: BaseChainProgram,
  left: Packet,
  context: RuleContext,
  addresses: readonly IpAddress[] = [],
): Aim[] {
  const found: Aim[] = [];
  const own: Aim = { destination: addressOf(left, 'destination'), port: null };
  const visit = (chain: CompiledChain, aim: Aim, depth: number): void => {
    if (depth > 16 || found.length >= MOST_WAYS) return;
    for (const rule of chain.rules) {
      const here = narrowed(rule, aim);
      const last = rule.steps[rule.steps.length - 1];
      if (last.kind === StepKind.jump) visit(last.chain, here, depth + 1);
      else if (last.kind === StepKind.target) {
        const effect = translationOf(last.definition, last.data, last.state, left, context);
        if (
          effect?.kind !== 'translated' ||
          effect.manip !== Manip.destination ||
          !agrees(effect, left, left)
        )
          continue;
        found.push(here);
        if (here.destination === own.destination)
          for (const destination of addresses) found.push({ ...here, destination });
      }
    }
  };
  visit(base, own, 0);
  return found.filter((aim) => {
    if (
      aim.destination.equals(own.destination) &&
      (aim.port ?? left.destinationPort) === left.destinationPort
    )
      return false;
    const asked = aimed(left, aim);
    const effects = effectsFrom({ chain: base, index: 0, next: null }, asked, context);
    return effects?.some((e) => e.kind === 'translated' && agrees(e, asked, left)) ?? false;
  });
}

/** The packet as it would have been sent to that destination. */
export function aimed(left: Packet, aim: Aim): Packet {
  const packet = left.clone();
  rewrite(packet, {
    destination: aim.destination,
    destinationPort: hasPorts(packet.protocol) ? aim.port : null,
  });
  return packet;
}

/** What a rule's -d and --dport say of the destination, where they name one alone. */
function narrowed(rule: CompiledRule, aim: Aim): Aim {
  let { destination, port } = aim;
  for (const step of rule.steps) {
    if (step.kind !== StepKind.match) continue;
    const data = step.data as {
      readonly destination?: {
        value: { address: IpAddress; prefixLength?: number };
        negated: boolean;
      } | null;
      readonly destinationPort?: { value: { min: number; max: number }; negated: boolean } | null;
    };
    if (step.definition.name === 'ip' && data.destination && !data.destination.negated) {
      const { address, prefixLength } = data.destination.value;
      if (prefixLength === (address.version === 4 ? 32 : 128)) destination = address;
    }
    if (
      ['tcp', 'udp'].includes(step.definition.name) &&
      data.destinationPort &&
      !data.destinationPort.negated
    ) {
      const { min, max } = data.destinationPort.value;
      if (min === max) port = min;
    }
  }
  return { destination, port };
}
