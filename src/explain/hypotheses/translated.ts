import type { FrameSource } from '../../capture/frame.js';
import { addressText } from '../../packet/addresses.js';
import { bodyHash } from '../../packet/body.js';
import { decodeLink, LinkLayer } from '../../packet/link.js';
import { decodePacket, type Packet } from '../../packet/packet.js';
import { hasPorts } from '../../packet/rewrite.js';

/** The ends of a packet, as text. */
export interface Ends {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** ns that a packet may take through the host. */
const THROUGH = 1e8;

/**
 * With which ends packets went on that came with others: the capture shows both, and so which translation their
 * connection had. Keys are of `endsKey`.
 */
export async function translatedIn(source: FrameSource): Promise<ReadonlyMap<string, Ends>> {
  const out = new Map<string, Ends>();
  const passing = new Map<number, { time: number; ends: Ends; key: string }>();
  const link = new LinkLayer();
  for await (const batch of source.batches())
    for (const { linkType, bytes, time } of batch) {
      const layer = decodeLink(linkType, bytes, link);
      const packet = typeof layer === 'string' ? layer : decodePacket(bytes.subarray(layer.network));
      if (typeof packet === 'string' || !packet.hasTransport || !hasPorts(packet.protocol)) continue;
      const ends = endsOf(packet);
      const key = endsKey(packet.protocol, ends);
      const body = bodyHash(packet);
      const before = passing.get(body);
      if (!before || time - before.time > THROUGH) passing.set(body, { time, ends, key });
      else if (before.key !== key && !out.has(before.key)) out.set(before.key, ends);
    }
  return out;
}

export function endsKey(
  protocol: number,
  { source, destination, sourcePort, destinationPort }: Ends,
): string {
  return `${protocol} ${source} ${sourcePort} ${destination} ${destinationPort}`;
}

function endsOf(packet: Packet): Ends {
  const { sourcePort, destinationPort } = packet;
  return {
    source: addressText(packet, 'source'),
    destination: addressText(packet, 'destination'),
    sourcePort,
    destinationPort,
  };
}
