import { addressText } from '../../packet/addresses.js';
import type { Packet } from '../../packet/packet.js';

/** What a cookie can say of the client's MSS: `msstab` of net/ipv4/syncookies.c and net/ipv6/syncookies.c. */
const MSS = { 4: [536, 1300, 1440, 1460], 6: [1220, 1420, 1440, 8940] } as const;
/** The lower bits of a cookie, with the MSS in them (COOKIEBITS); above them it counts minutes. */
const MASK = 0xffffff;
/** ns within which a cookie is good whenever its minute began, and behind which it never is (MAX_SYNCOOKIE_AGE). */
const YOUNG = 60e9;
const OLD = 120e9;
/** Clients remembered at most: more than these are a flood, which answers nothing. */
const MOST = 65_536;

/** A cookie that was sent, or would be sent again for the same SYN. */
interface Issued {
  /** null: nobody has seen it. */
  readonly cookie: number | null;
  /** The sequence number of the SYN. */
  readonly isn: number;
  readonly mss: number;
  readonly time: number;
}

/** What is to be said of an acknowledgement: the MSS that it brings back; null: nothing tells. */
export type Judged =
  | { readonly kind: 'valid'; readonly mss: number; readonly wanted: number }
  | { readonly kind: 'invalid'; readonly wanted: number }
  /** `mss` where it was seen. */
  | { readonly kind: 'unknown'; readonly mss: number | null };

/** The place of the largest MSS that is not above the client's. */
function placeOf(version: 4 | 6, mss: number): number {
  let place = MSS[version].length - 1;
  while (place > 0 && mss < MSS[version][place]) place--;
  return place;
}

/** The MSS that a cookie keeps of what the client's SYN has said; 0 where it has said nothing. */
export function encodedMss(version: 4 | 6, mss: number): number {
  return MSS[version][placeOf(version, mss)];
}

/**
 * The sequence numbers that SYNs were answered with instead of being remembered (RFC 4987 section 3.6). What they are
 * is the host's secret, so the capture tells it; what is a good answer to one follows from it: `__cookie_v4_check()`.
 */
export class Cookies {
  private readonly issued = new Map<string, Issued>();

  /**
   * @param cookie null where it was not seen
   * @param mss as `encodedMss` has it
   */
  note(syn: Packet, isn: number, cookie: number | null, mss: number): void {
    const key = keyOf(syn);
    const { issued } = this;
    issued.delete(key);
    issued.set(key, { cookie, isn, mss, time: syn.time });
    for (const [oldest, { time }] of issued) {
      if (issued.size <= MOST && time >= syn.time - OLD) break;
      issued.delete(oldest);
    }
  }

  /** An ACK with these numbers came, which stands for the SYN before it. */
  judge(packet: Packet, sequence: number, acknowledgment: number): Judged {
    const known = this.issued.get(keyOf(packet));
    if (!known) return { kind: 'unknown', mss: null };
    const { cookie, isn, mss } = known;
    const age = packet.time - known.time;
    if (cookie === null) return { kind: 'unknown', mss: (sequence - 1 - isn) | 0 ? null : mss };
    const wanted = (cookie + 1) >>> 0;
    const table: readonly number[] = MSS[packet.version];
    const place = table.indexOf(mss) + ((acknowledgment - wanted - (sequence - 1 - isn)) | 0);
    const read = table[place & MASK] as number | undefined;
    if (read === undefined || age > OLD) return { kind: 'invalid', wanted };
    return age > YOUNG ? { kind: 'unknown', mss: read } : { kind: 'valid', mss: read, wanted };
  }
}

function keyOf(packet: Packet): string {
  const ends = `${addressText(packet, 'source')} ${addressText(packet, 'destination')}`;
  return `${ends} ${packet.sourcePort} ${packet.destinationPort}`;
}
