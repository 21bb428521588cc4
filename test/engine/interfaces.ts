/** One capture of all interfaces, taken apart into what captures of single interfaces would have held. */
import { pcapngWriter } from '../../src/capture/write.js';
import { LinkType } from '../../src/capture/frame.js';
import { openCaptures } from '../../src/capture/open.js';
import { readHost } from '../../src/host/snapshot.js';
import { LinkLayer, decodeLink } from '../../src/packet/link.js';
import { PacketType } from '../../src/packet/numbers.js';
import { Diagnostics } from '../../src/source/diagnostic.js';
import { concat, pcapHeader, pcapRecord } from '../capture/bytes.js';

/** A frame as a packet socket on one interface has it. */
export interface EthernetFrame {
  readonly interface: string;
  /** ns since the epoch. */
  readonly time: bigint;
  readonly direction: 'in' | 'out';
  readonly bytes: Uint8Array;
}

/**
 * Rebuilds the Ethernet frames of a capture of all interfaces, which has kept everything but the destination.
 * @param peers the link address that each interface sends to
 */
export async function ethernetFrames(
  capture: string,
  hostDir: string,
  peers: Readonly<Record<string, Uint8Array>>,
): Promise<EthernetFrame[]> {
  const host = readHost(hostDir, new Diagnostics());
  const source = openCaptures([capture]);
  const frames: EthernetFrame[] = [];
  for await (const frame of source.frames()) {
    const link = decodeLink(frame.linkType, frame.bytes, new LinkLayer());
    if (typeof link === 'string') throw new Error(link);
    const device = host.deviceByIndex(link.interfaceIndex);
    if (!device) throw new Error(`no interface ${link.interfaceIndex}`);
    const direction = link.packetType === PacketType.outgoing ? 'out' : 'in';
    const own = device.master ?? device;
    const destination = direction === 'out' ? peers[device.name] : own.mac;
    const type = [link.etherType >> 8, link.etherType & 255];
    frames.push({
      interface: device.name,
      time: source.epoch + BigInt(frame.time),
      direction,
      bytes: concat(destination, link.source, type, frame.bytes.subarray(link.network)),
    });
  }
  return frames;
}

/** A pcap file as tcpdump -i INTERFACE writes it. */
export function pcapOf(frames: readonly EthernetFrame[], linkType: number = LinkType.ethernet): Uint8Array {
  const records = frames.map(({ time, bytes }) =>
    pcapRecord({
      seconds: Number(time / 1_000_000_000n),
      fraction: Number(time % 1_000_000_000n),
      data: bytes,
    }),
  );
  return concat(pcapHeader({ nanoseconds: true, linkType }), ...records);
}

/** A pcapng file of several interfaces, as dumpcap writes it; with directions only where asked for. */
export function pcapngOf(frames: readonly EthernetFrame[], withDirections = false): Uint8Array {
  const blocks: Uint8Array[] = [];
  const writer = pcapngWriter('test', (block) => blocks.push(block));
  const numbers = new Map<string, number>();
  for (const { interface: name } of frames)
    if (!numbers.has(name)) numbers.set(name, writer.addInterface(name, LinkType.ethernet));
  for (const frame of frames)
    writer.addPacket({
      interface: numbers.get(frame.interface)!,
      time: frame.time,
      bytes: frame.bytes,
      direction: withDirections ? frame.direction : '',
    });
  return concat(...blocks);
}
