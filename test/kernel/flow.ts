import { ipPacket, type IpFields } from '../../src/lab/craft.js';
import type { LabPacket } from '../../src/lab/record.js';
import type { Random } from './random.js';

/** Where a packet of a conversation comes in, and between whom it goes as the one who sends it sees it. */
export interface View {
  readonly interface: string;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** A conversation between a client and a server, each seeing the other as NAT shows it; no server: it is the host. */
export interface Flow {
  readonly client: View;
  readonly server: View | null;
}

export type Speaker = 'client' | 'server';

/** Makes the packets of one conversation. */
export class Conversation {
  readonly packets: LabPacket[] = [];

  constructor(
    readonly random: Random,
    readonly flow: Flow,
  ) {}

  view(speaker: Speaker): View | null {
    return speaker === 'client' ? this.flow.client : this.flow.server;
  }

  /** Sends what stands behind an IP header; nothing where the speaker is the host itself. */
  send(
    speaker: Speaker,
    protocol: number,
    payload: Uint8Array,
    ip: Partial<IpFields> = {},
    badChecksum = false,
  ): void {
    const view = this.view(speaker);
    if (!view) return;
    const fields = {
      source: view.source,
      destination: view.destination,
      id: this.random.integer(1, 65535),
      dontFragment: this.random.chance(0.5),
      ttl: this.random.pick(64, 64, 64, 128, 57),
      ...ip,
    };
    this.raw(view.interface, ipPacket(fields, protocol, payload, { badChecksum }));
  }

  raw(device: string, bytes: Uint8Array, wait = 0): void {
    this.packets.push({ wait, interface: device, bytes });
  }
}
