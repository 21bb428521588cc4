import { addressText } from '../packet/addresses.js';
import type { Packet } from '../packet/packet.js';
import type { Observer } from './observer.js';
import type { Passage } from './passage.js';

/** What a translation may change of a packet. */
export interface Endpoints {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export function endpoints(packet: Packet): Endpoints {
  return {
    source: addressText(packet, 'source'),
    destination: addressText(packet, 'destination'),
    sourcePort: packet.sourcePort,
    destinationPort: packet.destinationPort,
  };
}

/** Tells an observer which addresses and ports a translation changed, and by which rule's doing. */
export function tellTranslation(
  tell: Observer | null,
  passage: Passage,
  before: Endpoints,
  now: Endpoints,
): void {
  const entry = passage.connection;
  const swap = passage.direction === 1;
  const sourceRule = (swap ? entry?.destinationRule : entry?.sourceRule) ?? null;
  const destinationRule = (swap ? entry?.sourceRule : entry?.destinationRule) ?? null;
  if (before.source !== now.source) tell?.change('ip.source', before.source, now.source, sourceRule, passage);
  if (before.destination !== now.destination)
    tell?.change('ip.destination', before.destination, now.destination, destinationRule, passage);
  if (before.sourcePort !== now.sourcePort)
    tell?.change('sourcePort', String(before.sourcePort), String(now.sourcePort), sourceRule, passage);
  if (before.destinationPort !== now.destinationPort)
    tell?.change(
      'destinationPort',
      String(before.destinationPort),
      String(now.destinationPort),
      destinationRule,
      passage,
    );
}
