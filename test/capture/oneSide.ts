import { pcap, type Record } from './bytes.js';

interface Link {
  readonly ifindex: number;
  readonly ifname: string;
  readonly address: string;
}

const mac = (text: string): number[] => text.split(':').map((byte) => parseInt(byte, 16));
const NEIGHBOUR = mac('02:00:00:00:99:99');

/**
 * One interface of a capture of all of them (LINUX_SLL2, little-endian), as a capture of that interface alone has it:
 * Ethernet, without packet types.
 * @param links the snapshot's ip-link.json
 */
export function onlyOf(any: Uint8Array, links: readonly Link[], name: string): Uint8Array {
  const link = links.find(({ ifname }) => ifname === name);
  if (!link) throw new Error(`no interface ${name}`);
  const view = new DataView(any.buffer, any.byteOffset, any.byteLength);
  const records: Record[] = [];
  for (let at = 24; at + 16 <= any.length;) {
    const captured = view.getUint32(at + 8, true);
    const frame = any.subarray(at + 16, at + 16 + captured);
    const [header, packet] = [frame.subarray(0, 20), frame.subarray(20)];
    if (view.getUint32(at + 20, false) === link.ifindex) {
      const type = header[10];
      const to =
        type === 4 ? NEIGHBOUR : type === 0 ? mac(link.address) : [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
      records.push({
        seconds: view.getUint32(at, true),
        fraction: view.getUint32(at + 4, true),
        data: [...to, ...header.subarray(12, 18), header[0], header[1], ...packet],
      });
    }
    at += 16 + captured;
  }
  return pcap(records, { nanoseconds: view.getUint32(0, true) === 0xa1b23c4d });
}
