import type { TargetDefinition } from '../definition.js';
import { accept, drop, queue, returnFromChain } from './standard.js';

/** Every target that is modelled, under the name that follows -j. */
export type TargetName = 'ACCEPT' | 'DROP' | 'RETURN' | 'QUEUE';

/** A name without a definition, or a definition without a name, does not compile. */
export const TARGETS: Readonly<Record<TargetName, TargetDefinition>> = {
  ACCEPT: accept,
  DROP: drop,
  RETURN: returnFromChain,
  QUEUE: queue,
};

/** The target after -j, where that IP version has it; undefined for a user chain or an unknown extension. */
export function findTarget(name: string, version: 4 | 6): TargetDefinition | undefined {
  if (!Object.hasOwn(TARGETS, name)) return undefined;
  const definition = TARGETS[name as TargetName];
  return definition.versions.includes(version) ? definition : undefined;
}
