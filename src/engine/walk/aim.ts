import type { IpAddress } from '../../address/ip.js';
import type { Routing } from '../../host/routes.js';
import type { Packet } from '../../packet/packet.js';
import { CtState } from '../../rules/connection.js';
import { Hook } from '../../rules/hook.js';
import { aimed, aimsOf } from './choice.js';
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
  const passage = new Passage(left.clone());
  passage.state = CtState.new;
  if (hook === Hook.output) {
    passage.packet.in = null;
    passage.route = routing.output(left);
    passage.packet.out = passage.route?.device ?? null;
  } else passage.packet.out = null;
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
