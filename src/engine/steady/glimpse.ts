import type { Frame, FrameDirection } from '../../capture/frame.js';
import type { Device } from '../../packet/device.js';
import { Ipv4 } from '../../packet/ipv4.js';
import { Tuple } from '../../rules/connection.js';
import type { Arrival } from '../evidence/arrival.js';

const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);

/** Bytes of a packet that a glimpse has room for; what is longer is read like any other. */
export const ROOM = 2048;
/** Where the packet stands; its link header ends here. */
const AT = 32;

/**
 * A frame between being read and its turn. One that holds a plain packet (plainFrames.ts) is no more than its bytes and what
 * its flow is found by; of any other there is its arrival. Glimpses are used again and again, so such a packet allocates
 * nothing.
 */
export class Glimpse {
  /** null: it is plain, and was not needed yet. */
  arrival: Arrival | null = null;
  isOut = false;
  number = 0;
  /** The number of the first frame that is too late to tell of it; 0: none was yet. Only a share notes it. */
  closedBy = 0;
  /** ns since capture start. */
  time = -0;
  device: Device | null = null;
  /** From the network header on; the array is longer than the packet. Both are made when a plain packet first needs them. */
  data: Uint8Array = NO_BYTES;
  bytes: DataView = NO_VIEW;
  readonly at = AT;
  captured = 0;
  readonly version = 4;
  readonly sourceOffset = Ipv4.source;
  readonly fragmentOffset = 0;
  readonly moreFragments = false;
  /** Bytes on the wire from the network header on. */
  length = 0;
  protocol = 0;
  transport = 0;
  readonly tuple = new Tuple();
  hash = 0;
  /** Of the link header, which stands before the packet. */
  linkLength = 0;
  private linkType = 0;
  private originalLength = 0;
  private interface = '';
  private direction: FrameDirection = '';

  makeRoom(): void {
    if (this.data !== NO_BYTES) return;
    const all = new Uint8Array(AT + ROOM);
    this.bytes = new DataView(all.buffer);
    this.data = all.subarray(AT);
  }

  /** What the file says of it. */
  note(frame: Frame): void {
    this.number = frame.number;
    this.time = frame.time;
    this.linkType = frame.linkType;
    this.originalLength = frame.originalLength;
    this.interface = frame.interface;
    this.direction = frame.direction;
  }

  /** The frame again, to be read like any other. */
  frame(): Frame {
    const { number, time, linkType, originalLength, direction, linkLength, captured } = this;
    const bytes = new Uint8Array(this.bytes.buffer, AT - linkLength, linkLength + captured);
    return {
      ...{ number, time, linkType, bytes, originalLength, interface: this.interface, direction },
      ...{ comment: '', file: 0 },
    };
  }
}
