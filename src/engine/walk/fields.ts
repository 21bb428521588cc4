import { tosOf, ttlOf } from '../../packet/rewrite.js';
import { formatStates, statesOf } from '../../rules/matches/ctState.js';
import type { Field } from '../../rules/definition.js';
import { hex } from '../../rules/integers.js';
import type { Passage } from '../passage.js';

/** A field that targets write, as the conditions that read it show it; undefined for one that has no one text. */
export function fieldText(field: Field, passage: Passage): string | undefined {
  const { packet, connection } = passage;
  switch (field) {
    case 'mark':
      return hex(packet.mark);
    case 'priority':
      return hex(packet.priority);
    case 'ip.ttl':
      return String(ttlOf(packet));
    case 'ip.tos':
      return hex(tosOf(packet), 2);
    case 'ip.length':
      return String(packet.length);
    case 'ct.mark':
      return connection ? hex(connection.mark) : 'no connection';
    case 'ct.state':
      return formatStates(statesOf({ connection, ctState: passage.state }));
    default:
      return undefined;
  }
}
