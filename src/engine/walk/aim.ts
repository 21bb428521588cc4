import type { IpAddress } from '../../address/ip.js';
import type { Routing } from '../../host/routes.js';
import type { Packet } from '../../packet/packet.js';
import { CtState } from '../../rules/connection.js';
import { Hook } from '../../rules/hook.js';
import { agrees, aimed, aimsOf, effectsFrom } from './choice.js';
import { type HookEntry, StageKind } from './hooks.js';
import { Passage } from '../passage.js';
import type { RuleContext } from './ruleContext.js';

/**
 * Where a new connection was aimed at, by the packet as it left: a DNAT rule may have changed that. Several rules, or none
 * at all, may explain it; the first is taken, and said. null: no rule would have.
 * @param entries what is registered at the hook
 * @param addresses the host's, where rules may take what is sent to any of them
 */
export function aimThrough(
  entries: readonly HookEntry[],
  hook: Hook,
  left: Packet,
  addresses: readonly IpAddress[],
  context: RuleContext,
  routing: Routing,
): Packet | null {
  const passage = hook === Hook.output ? made(left, routing) : new Passage(left.clone());
  passage.state = CtState.new;
  if (hook !== Hook.output) passage.packet.out = null;
  context.passage = passage;
  context.hook = hook;
  for (const entry of entries) {
    if (entry.kind !== StageKind.nat) continue;
    for (const base of entry.chains) {
      const [aim] = aimsOf(base, passage.packet, context, addresses);
      if (aim) return aimed(left, aim);
    }
  }
  return null;
}

/**
 * Whether the rules behind POSTROUTING would give a packet of the host's own, the first of its connection, the source with
 * which it was seen to leave.
 * @param before the same with the source that it may have been made with
 */
export function mayLeaveAs(
  left: Packet,
  before: Packet,
  entries: readonly HookEntry[],
  context: RuleContext,
  routing: Routing,
): boolean {
  const passage = made(before, routing);
  passage.state = CtState.new;
  context.passage = passage;
  context.hook = Hook.postrouting;
  return entries.some(
    (entry) =>
      entry.kind === StageKind.nat &&
      entry.chains.some((chain) =>
        effectsFrom({ chain, index: 0, next: null }, passage.packet, context)?.some(
          (effect) => effect.kind === 'translated' && agrees(effect, passage.packet, left),
        ),
      ),
  );
}

/** A packet of the host's own, on its way out. */
function made(packet: Packet, routing: Routing): Passage {
  const passage = new Passage(packet.clone());
  passage.packet.in = null;
  passage.route = routing.output(packet);
  passage.packet.out = passage.route?.device ?? null;
  return passage;
}
