import { u32 } from '../../../packet/bytes.js';
import { Protocol } from '../../../packet/numbers.js';
import { payloadOffset, replaceText, wholePayload } from '../../../packet/payload.js';
import { Tcp } from '../../../packet/transport.js';
import type { Device } from '../../../packet/device.js';
import type { Tuple } from '../../../rules/connection.js';
import { Verdict } from '../../../rules/verdict.js';
import type { Passage } from '../../passage.js';
import type { ConnectionEntry } from '../entry.js';
import { type Expectations, type Expected, FROM_ADDRESS, FROM_ANYWHERE } from '../expectations.js';
import type { GreKeys } from '../greKeys.js';
import { noteLength } from '../sequenceOffsets.js';
import type { TrackerEvents } from '../tracker.js';
import type { EntryHost, Helper, HelperHost, Wanted } from './helper.js';

/** Ports that are tried (`nf_nat_exp_find_port()`). */
const ATTEMPTS = 128;

const NOTHING = new Uint8Array(0);

/** What a helper can do with one packet of a connection. */
export class PacketHelperHost implements HelperHost {
  constructor(
    private readonly helper: Helper,
    private readonly passage: Passage,
    private readonly entry: ConnectionEntry,
    private readonly host: EntryHost,
    private readonly asked: Pick<TrackerEvents, 'mangled' | 'draw' | 'refused' | 'broadcastMask'>,
  ) {}

  get now(): number {
    return this.host.now;
  }

  get expectations(): Expectations {
    return this.host.expectations;
  }

  get greKeys(): GreKeys {
    return this.host.greKeys;
  }

  tryTo({ tuple, anySource = false, shared = false, ...rest }: Wanted): Expected {
    const { now, expectations } = this.host;
    const made = {
      from: anySource ? FROM_ANYWHERE : FROM_ADDRESS,
      policy: this.helper,
      ...rest,
      tuple: tuple.copy(),
      master: this.entry,
    };
    const { seconds } = made.policy ?? this.helper;
    return expectations.add({ ...made, expires: now + seconds * 1e9 }, now, shared);
  }

  end(tuple: Tuple): boolean {
    return this.host.end(tuple);
  }

  refuse(reason: string): Verdict {
    this.asked.refused(this.passage, this.helper.name, reason);
    return Verdict.drop;
  }

  broadcastMask(device: Device): number {
    return this.asked.broadcastMask(device, this.passage.packet);
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

  payload(): Uint8Array | null {
    const { packet } = this.passage;
    if (payloadOffset(packet) >= packet.length) return NOTHING;
    const payload = wholePayload(packet);
    if (!payload) this.mayCome(`what it says to the ${this.helper.name} helper was not captured whole`);
    return payload;
  }

  mayCome(reason: string): void {
    this.expectations.guess(this.entry, reason, this.now + this.helper.seconds * 1e9);
  }
}
