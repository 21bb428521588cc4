import type { Step } from './model.js';
import { partsOf } from './nft/parts.js';

/** Why what a rule says of an owner is in doubt. */
export const OWNER_ASSUMED = 'the capture does not tell whose process sent the packet';

/** Whether a step asks for the owner of the socket behind a packet. */
export function asksOwner(step: Step): boolean {
  if (step.kind === 'match') return step.definition.name === 'owner';
  if (step.kind !== 'statement') return false;
  for (const { kind, key } of partsOf(step.statement))
    if (kind === 'meta' && (key === 'skuid' || key === 'skgid')) return true;
  return false;
}
