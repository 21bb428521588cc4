import { IpAddress } from '../../../../address/ip.js';
import { Protocol } from '../../../../packet/numbers.js';
import { opposite, Tuple } from '../../../../rules/connection.js';
import { Verdict } from '../../../../rules/verdict.js';
import type { ExpectPolicy } from '../../expectations.js';
import type { Message } from './message.js';
import { connectionAddress, findField } from './sdp.js';
import { decimalAt, type Span } from './text.js';
import { translateConnection, translatePort, translateSession } from './translate.js';

/** Classes of connections to come: `sip_exp_policy`. */
const MEDIA: readonly (readonly [name: string, policy: ExpectPolicy])[] = [
  ['audio ', { most: 4, seconds: 180 }],
  ['video ', { most: 4, seconds: 180 }],
  ['image ', { most: 2, seconds: 180 }],
];
const LEAST_PORT = 1024;

/** Where the sender listens for media, by a session description in the body: `process_sdp()`. */
export function readSession(message: Message): Verdict {
  const { entry, host, isTranslated } = message;
  const { version } = entry.original;
  const begin = findField(message.sip, 0, 'version', null, version);
  if (!begin || begin.length === 0) return Verdict.accept;
  const ofAll = connectionAddress(message.sip, begin.at, version);
  let told: IpAddress | null = ofAll?.address ?? null;
  let at = begin.at;
  for (let streams = 0; streams < MEDIA.length;) {
    const { text } = message.sip;
    const media = findField(message.sip, at, 'media', null, version);
    if (!media || media.length === 0) break;
    const kind = MEDIA.find(([name]) => name.length <= media.length && text.startsWith(name, media.at));
    at = media.at + (kind ? kind[0].length : media.length);
    if (!kind) continue;
    const [name, policy] = kind;
    const port = decimalAt(text, at).value;
    // The stream is not used (RFC 3264, section 6).
    if (port === 0) continue;
    if (port < LEAST_PORT || port > 0xffff) return host.refuse(`wrong port ${port}`);
    const own = connectionAddress(message.sip, at, version);
    const connection = own ?? ofAll;
    if (!connection) return host.refuse('cannot parse SDP message');
    told = expectMedia(message, connection.address, { at, length: media.length - name.length }, port, policy);
    if (!told) return host.refuse('cannot add expectation for voice');
    if (own && isTranslated && !translateConnection(message, at, told))
      return host.refuse('cannot mangle SDP');
    streams++;
  }
  if (!isTranslated || !told) return Verdict.accept;
  return translateSession(message, begin.at, told) ? Verdict.accept : Verdict.drop;
}

/**
 * RTP and RTCP are to come to a pair of ports (RFC 3550, section 11): `set_expected_rtp_rtcp()`.
 * @param span where the port stands
 * @returns the address that the receiver is to be told; null: it cannot be
 */
function expectMedia(
  message: Message,
  address: IpAddress,
  span: Span,
  port: number,
  policy: ExpectPolicy,
): IpAddress | null {
  const { passage, entry, host, isTranslated } = message;
  const { expectations, now } = host;
  const { direction } = passage;
  // Between the two that talk here only (the module's `sip_direct_media` is on).
  if (!address.equals(entry.tuple(direction).source)) return address;
  const tuple = new Tuple();
  tuple.version = address.version;
  tuple.protocol = Protocol.udp;
  tuple.source = entry.tuple(opposite(direction)).source;
  tuple.destination = address;
  tuple.destinationPort = port;
  // The same call may go by another connection; where both are translated, its two ends reach each other.
  let isKnown = false;
  let isDirect = false;
  for (;;) {
    const there = expectations.find(tuple, entry, now);
    if (!there || there.master === entry || there.policy !== policy) break;
    const saved = there.follow?.call?.address ?? new IpAddress(address.version, 0);
    const savedPort = there.follow?.port ?? 0;
    isKnown =
      isDirect || !isTranslated || (saved.equals(tuple.destination) && savedPort === tuple.destinationPort);
    if (isKnown) break;
    tuple.destination = saved;
    tuple.destinationPort = savedPort;
    isDirect = true;
  }
  const base = tuple.destinationPort & ~1;
  if (isDirect && !translatePort(message, span, base)) return null;
  if (isKnown) return tuple.destination;
  if (isTranslated && !isDirect) return expectTranslated(message, tuple, span, base, policy);
  return expectPair(message, tuple, base, policy) ? tuple.destination : null;
}

/** As it is said. */
function expectPair(message: Message, tuple: Tuple, base: number, policy: ExpectPolicy): boolean {
  const expect = (port: number): string => {
    tuple.destinationPort = port;
    return message.host.tryTo({ tuple, policy, shared: true });
  };
  const rtp = expect(base);
  if (rtp !== 'made' && rtp !== 'already') return false;
  const rtcp = expect(base + 1);
  if (rtcp === 'made' || rtcp === 'already') return true;
  tuple.destinationPort = base;
  if (rtp === 'made') unexpect(message, tuple);
  return false;
}

/** At the address that the receiver knows the sender by, and the first pair of ports there that is free: `nf_nat_sdp_media()`. */
function expectTranslated(
  message: Message,
  tuple: Tuple,
  span: Span,
  base: number,
  policy: ExpectPolicy,
): IpAddress | null {
  const { passage, entry, host } = message;
  const { destination } = entry.tuple(opposite(passage.direction));
  const isSeen = entry.tuple(passage.direction).source.equals(destination);
  const call = { address: tuple.destination, isMedia: true };
  const direction = opposite(passage.direction);
  const told = isSeen ? tuple.destination : destination;
  tuple.destination = told;
  const expect = (port: number, saved: number): string => {
    tuple.destinationPort = port;
    return host.tryTo({ tuple, policy, shared: true, follow: { direction, port: saved, call } });
  };
  for (let port = base; port !== 0; port = (port + 2) & 0xffff) {
    const rtp = expect(port, base);
    if (rtp === 'busy') continue;
    if (rtp !== 'made') break;
    const rtcp = expect(port + 1, base + 1);
    if (rtcp === 'made') {
      if (port === base || translatePort(message, span, port)) return told;
      host.refuse('cannot mangle SDP message');
      return null;
    }
    tuple.destinationPort = port;
    unexpect(message, tuple);
    if (rtcp !== 'busy') break;
  }
  host.refuse('all ports in use for SDP media');
  return null;
}

/** The expectation of exactly these ends is no more. */
function unexpect({ host: { expectations, now }, entry }: Message, tuple: Tuple): void {
  const one = expectations.own(entry, now).find((own) => own.tuple.equals(tuple));
  if (one) expectations.remove(one);
}
