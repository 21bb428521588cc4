import { openCaptures } from '../../src/capture/open.js';
import { decodeLink, LinkLayer } from '../../src/packet/link.js';
import { decodePacket } from '../../src/packet/packet.js';

// decode.js CAPTURE: reads a capture, decodes every packet, and does nothing else. It is measured as a process of its own.
const link = new LinkLayer();
const source = openCaptures([process.argv[2]]);
let packets = 0;
for await (const batch of source.batches())
  for (const frame of batch) {
    const layer = decodeLink(frame.linkType, frame.bytes, link);
    if (typeof layer === 'string') continue;
    const packet = decodePacket(frame.bytes.subarray(layer.network));
    if (typeof packet !== 'string' && packet.hasTransport && packet.version === 4) packets++;
  }
process.stdout.write(`${packets}\n`);
