import type { Packet } from '../../packet/packet.js';
import { hasPorts } from '../../packet/rewrite.js';
import { transportHeaderLength } from '../../packet/transport.js';
import { wantedBy as wantedByStatement } from '../../rules/nft/eval/wanted.js';
import type { Wanted } from '../../rules/wanted.js';
import { type CompiledRule, StepKind } from './program.js';

/** What the tests of a rule want that come before all that may do something, or may not know. */
export function wantedByRule({ steps }: CompiledRule): readonly Wanted[] {
  const all: Wanted[] = [];
  for (const step of steps) {
    const wanted =
      step.kind === StepKind.match
        ? step.definition.wants?.(step.data)
        : step.kind === StepKind.statement
          ? wantedByStatement(step.statement.statement)
          : null;
    if (!wanted) break;
    for (const one of wanted) all.push(one);
  }
  return all;
}

/** What rules want of ports can be held against the packet, in its length and in what was captured of it. */
export function hasWholeHeader({ protocol, fragmentOffset, transport, data, length }: Packet): boolean {
  if (fragmentOffset !== 0) return false;
  const end = transport + transportHeaderLength(protocol);
  return !hasPorts(protocol) || (end <= data.length && end <= length);
}
