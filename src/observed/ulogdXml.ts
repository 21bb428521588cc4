import { formatLine } from '../klog/describe.js';
import type { Device } from '../packet/device.js';
import { EtherType, LinkKind } from '../packet/numbers.js';
import { decodePacket, otherPacket, type Packet } from '../packet/packet.js';
import type { Hook } from '../rules/hook.js';
import type { ObservedTime } from './entry.js';
import type { Message } from './line.js';
import { type ClockOptions, readWallStamp } from './stamps.js';

/** A packet of ulogd's XML is one line: `nflog_snprintf()` (libnetfilter_log). */
const BEGIN = '<log>';
const PREFIX = /<prefix>(.{0,200}?)<\/prefix><hook>/;
const WHEN =
  /<hour>(\d{1,2})<\/hour><min>(\d{1,2})<\/min><sec>(\d{1,2})<\/sec><wday>\d<\/wday><day>(\d{1,2})<\/day><month>(\d{1,2})<\/month><year>(\d{4})<\/year>/;
const PAYLOAD = /<payload>((?:[0-9a-f]{2}){1,65536})<\/payload>/;
const FAMILIES = new Map([
  ['0800', EtherType.ipv4],
  ['86dd', EtherType.ipv6],
  ['0806', EtherType.arp],
]);

/**
 * A line of ulogd's XML in the kernel's words; undefined where it is none, or of no packet. It has interfaces by their
 * numbers: they are named `if2`.
 */
export function fromUlogdXml(line: string, options: ClockOptions): Message | undefined {
  if (!line.startsWith(BEGIN)) return undefined;
  const payload = PAYLOAD.exec(line);
  if (!payload) return undefined;
  const packet = packetOf(Buffer.from(payload[1], 'hex'), /<proto>([0-9a-f]{4})</.exec(line)?.[1]);
  if (!packet) return undefined;
  const number = (name: string): number | undefined => {
    const found = new RegExp(`<${name}>(\\d{1,10})</${name}>`).exec(line);
    return found ? Number(found[1]) : undefined;
  };
  packet.in = deviceOf(number('indev'));
  packet.out = deviceOf(number('outdev'));
  packet.physIn = deviceOf(number('physindev'));
  packet.physOut = deviceOf(number('physoutdev'));
  packet.mark = number('mark') ?? 0;
  const prefix = PREFIX.exec(line)?.[1] ?? '';
  const hook = number('hook') ?? 5;
  const text = formatLine(packet, { prefix }, hook <= 4 ? (hook as Hook) : undefined);
  return { text, time: timeOf(line, options), by: 'ulogd' };
}

function packetOf(bytes: Uint8Array, proto: string | undefined): Packet | undefined {
  const type = proto === undefined ? undefined : FAMILIES.get(proto);
  if (type === EtherType.arp) return otherPacket(bytes, 0, bytes.length, type, bytes.length);
  const packet = decodePacket(bytes);
  return typeof packet === 'string' ? undefined : packet;
}

function deviceOf(index: number | undefined): Device | null {
  if (index === undefined || index === 0) return null;
  return {
    index,
    name: `if${index}`,
    kind: LinkKind.ethernet,
    mac: new Uint8Array(6),
    master: null,
    isBridge: false,
    isLoopback: false,
    mtu: 0,
    group: 0,
  };
}

/** Local time, to the second. */
function timeOf(line: string, options: ClockOptions): ObservedTime {
  const when = WHEN.exec(line);
  if (!when) return {};
  const [hour, minute, second, day, month] = when.slice(1, 6).map((n) => n.padStart(2, '0'));
  return readWallStamp(`${when[6]}-${month}-${day}T${hour}:${minute}:${second}`, 0, options)?.time ?? {};
}
