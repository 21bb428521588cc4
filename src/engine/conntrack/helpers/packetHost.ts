import { u32 } from '../../../packet/bytes.js';
import { Protocol } from '../../../packet/numbers.js';
import { payloadOffset, replaceText } from '../../../packet/payload.js';
import { Tcp } from '../../../packet/transport.js';
import type { Passage } from '../../passage.js';
import type { ConnectionEntry } from '../entry.js';
import type { Expectations, Expected } from '../expectations.js';
import { noteLength } from '../sequenceOffsets.js';
import type { TrackerEvents } from '../tracker.js';
import type { Helper, HelperHost, Wanted } from './helper.js';

/** Ports that are tried (`nf_nat_exp_find_port()`). */
const ATTEMPTS = 128;

/** What a helper can do with one packet of a connection. */
export class PacketHelperHost implements HelperHost {
  constructor(
    private readonly helper: Helper,
    private readonly passage: Passage,
    private readonly entry: ConnectionEntry,
    private readonly expectations: Expectations,
    private readonly asked: Pick<TrackerEvents, 'mangled' | 'draw'>,
  ) {}

  private get now(): number {
    return this.passage.packet.time;
  }

  private get expires(): number {
    return this.now + this.helper.seconds * 1e9;
  }

  private tryTo({ tuple, ...rest }: Wanted): Expected {
    const { entry, expires, helper, now } = this;
    const made = { ...rest, tuple: tuple.copy(), master: entry, expires };
    return this.expectations.addForHelper(made, helper.most, now);
  }

  expect(wanted: Wanted): boolean {
    return this.tryTo(wanted) === 'made';
  }

  expectAtFreePort(wanted: Wanted, readPort: (payload: Uint8Array) => number | null): number {
    const { tuple } = wanted;
    const first = tuple.destinationPort;
    const at = (port: number): Expected => {
      tuple.destinationPort = port;
      return this.tryTo(wanted);
    };
    const asked = at(first);
    if (asked !== 'busy') return asked === 'made' ? first : 0;
    const seen = this.seenPort(readPort);
    if (seen !== null && seen >= first && at(seen) === 'made') return seen;
    const range = 0xffff - first;
    for (let left = Math.min(range, ATTEMPTS); left > 0; left--) {
      const port = first + Math.floor((this.asked.draw(this.passage) * range) / 0x10000);
      const tried = at(port);
      if (tried !== 'busy') return tried === 'made' ? port : 0;
    }
    return 0;
  }

  private seenPort(readPort: (payload: Uint8Array) => number | null): number | null {
    const left = this.asked.mangled(this.passage.packet);
    return left && left.data.length >= left.length
      ? readPort(left.data.subarray(payloadOffset(left), left.length))
      : null;
  }

  mangle(from: number, to: number, text: string): boolean {
    const { packet, direction } = this.passage;
    if (!replaceText(packet, from, to, text)) return false;
    if (packet.protocol === Protocol.tcp) {
      const sequence = u32(packet.data, packet.transport + Tcp.sequence);
      noteLength(this.entry, direction, sequence, text.length - (to - from));
    }
    return true;
  }

  mayCome(reason: string): void {
    this.expectations.guess(this.entry, reason, this.expires);
  }
}
