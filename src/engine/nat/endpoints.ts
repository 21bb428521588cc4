import { formatIpv4, formatIpv6, type IpVersion } from '../../address/ip.js';
import { i32 } from '../../packet/bytes.js';
import type { Packet } from '../../packet/packet.js';
import type { Field } from '../../rules/definition.js';
import type { Rule } from '../../rules/model.js';
import type { Observer } from '../observer.js';
import type { Passage } from '../passage.js';

/** What a translation may change of a packet, as it was at a moment. */
export class Endpoints {
  private version: IpVersion = 4;
  private readonly words = new Int32Array(8);
  private sourcePort = 0;
  private destinationPort = 0;

  take(packet: Packet): void {
    const { words } = this;
    const { data, sourceOffset: at } = packet;
    this.version = packet.version;
    const count = packet.version === 4 ? 2 : 8;
    for (let i = 0; i < count; i++) words[i] = i32(data, at + 4 * i);
    this.sourcePort = packet.sourcePort;
    this.destinationPort = packet.destinationPort;
  }

  equals(other: Endpoints): boolean {
    const count = this.version === 4 ? 2 : 8;
    for (let i = 0; i < count; i++) if (this.words[i] !== other.words[i]) return false;
    return this.sourcePort === other.sourcePort && this.destinationPort === other.destinationPort;
  }

  hasDestinationOf(other: Endpoints): boolean {
    const half = this.version === 4 ? 1 : 4;
    for (let i = half; i < 2 * half; i++) if (this.words[i] !== other.words[i]) return false;
    return true;
  }

  get text(): EndpointTexts {
    const [a, b, c, d, e, f, g, h] = this.words;
    return {
      source: this.version === 4 ? formatIpv4(a) : formatIpv6(a, b, c, d),
      destination: this.version === 4 ? formatIpv4(b) : formatIpv6(e, f, g, h),
      sourcePort: String(this.sourcePort),
      destinationPort: String(this.destinationPort),
    };
  }
}

interface EndpointTexts {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: string;
  readonly destinationPort: string;
}

/** Tells an observer which addresses and ports a translation changed, and by which rule's doing. */
export function tellTranslation(tell: Observer, passage: Passage, before: Endpoints, after: Endpoints): void {
  const entry = passage.connection;
  const swap = passage.direction === 1;
  const sourceRule = (swap ? entry?.destinationRule : entry?.sourceRule) ?? null;
  const destinationRule = (swap ? entry?.sourceRule : entry?.destinationRule) ?? null;
  const was = before.text;
  const is = after.text;
  const change = (field: Field, from: string, to: string, rule: Rule | null): void => {
    if (from !== to) tell.change?.(field, from, to, rule, passage);
  };
  change('ip.source', was.source, is.source, sourceRule);
  change('ip.destination', was.destination, is.destination, destinationRule);
  change('sourcePort', was.sourcePort, is.sourcePort, sourceRule);
  change('destinationPort', was.destinationPort, is.destinationPort, destinationRule);
}
