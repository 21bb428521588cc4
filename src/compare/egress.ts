import type { Passage } from '../engine/passage.js';
import { addressText } from '../packet/addresses.js';
import { bodyKey } from '../packet/body.js';
import type { Device } from '../packet/device.js';
import type { Packet } from '../packet/packet.js';
import { hasPorts } from '../packet/rewrite.js';
import { protocolName } from '../rules/protocols.js';
import type { Difference } from './result.js';

/** Holds the packets that were predicted to leave against those that the capture shows leaving. */
export interface EgressWatch {
  /** The simulation sends a packet. */
  sent(passage: Passage): void;
  /** The capture shows one leave. @param isPredicted the simulation accounts for it */
  seen(packet: Packet, device: Device, isPredicted: boolean): void;
  /** In order of time. */
  differences(): Difference[];
}

/** What is compared of a packet on its way out. */
interface Leaving {
  readonly frame: number;
  readonly time: number;
  readonly text: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** ns after which a packet that was to leave will not. */
const LATEST = 1e9;
/** Packets that wait at most; and differences that are told. */
const MOST_WAITING = 20_000;
const MOST_TOLD = 10_000;

/**
 * Only forwarded packets are held against the capture, whose way in and out it shows; a packet that had to be
 * fragmented, or of which something is not known, is left out.
 * @param isSeen whether the capture would show what leaves by an interface
 */
export function createEgressWatch(isSeen: (device: Device) => boolean): EgressWatch {
  const waiting = new Map<string, Leaving[]>();
  const queue: { key: string; leaving: Leaving }[] = [];
  const told: Difference[] = [];
  let first = 0;

  const tell = (about: Leaving, difference: Pick<Difference, 'field' | 'simulated' | 'host'>): void => {
    if (told.length >= MOST_TOLD) return;
    const { time, frame, text: line } = about;
    const { field, host } = difference;
    const reason =
      field === null ? (host === null ? 'it was not seen to leave' : 'it was seen to leave') : null;
    const rest = { rule: null, reason, position: null, finding: null };
    told.push({ kind: 'egress', time, frame, line, ...difference, ...rest });
  };
  const expire = (now: number): void => {
    for (; first < queue.length; first++) {
      const { key, leaving } = queue[first];
      const isLate = leaving.time < now - LATEST || queue.length - first > MOST_WAITING;
      if (!isLate) break;
      const list = waiting.get(key);
      const at = list?.indexOf(leaving) ?? -1;
      if (!list || at < 0) continue;
      list.splice(at, 1);
      if (list.length === 0) waiting.delete(key);
      tell(leaving, { field: null, simulated: leaving.text, host: null });
    }
    if (first > MOST_WAITING) first -= queue.splice(0, first).length;
  };

  return {
    sent({ packet, doubt }) {
      const { in: came, out, moreFragments, fragmentOffset, largestFragment, length } = packet;
      if (!came || !out || out.isLoopback || doubt !== null || packet.frame === 0) return;
      if (moreFragments || fragmentOffset > 0 || largestFragment > 0 || length > out.mtu) return;
      if (!isSeen(out)) return;
      expire(packet.time);
      const key = bodyKey(packet);
      const leaving = leavingOf(packet, out);
      const list = waiting.get(key);
      if (list) list.push(leaving);
      else waiting.set(key, [leaving]);
      queue.push({ key, leaving });
    },
    seen(packet, device, isPredicted) {
      expire(packet.time);
      const list = waiting.get(bodyKey(packet));
      const seen = leavingOf(packet, device);
      // Of several alike, the one that left just so.
      const same = list?.findIndex((l) => l.text === seen.text) ?? -1;
      const [expected] = list?.splice(Math.max(0, same), 1) ?? [];
      if (expected as Leaving | undefined) {
        for (const [field, simulated] of expected.fields) {
          const host = seen.fields.get(field) ?? null;
          if (host !== simulated) tell(expected, { field, simulated, host });
        }
      } else if (!isPredicted) tell(seen, { field: null, simulated: null, host: seen.text });
    },
    differences() {
      expire(Infinity);
      return told.sort((a, b) => a.time - b.time);
    },
  };
}

function leavingOf(packet: Packet, device: Device): Leaving {
  const ports = packet.hasTransport && hasPorts(packet.protocol);
  const fields = new Map([
    ['OUT', device.name],
    ['SRC', addressText(packet, 'source')],
    ['DST', addressText(packet, 'destination')],
  ]);
  if (ports) fields.set('SPT', String(packet.sourcePort)).set('DPT', String(packet.destinationPort));
  const text = [...fields].map(([name, value]) => `${name}=${value}`).join(' ');
  return {
    frame: packet.frame,
    time: packet.time,
    text: `${text} LEN=${packet.length} PROTO=${protocolName(packet.protocol).toUpperCase()}`,
    fields,
  };
}
