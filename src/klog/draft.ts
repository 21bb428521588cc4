import type { Packet } from '../packet/packet.js';
import { type PacketLog, type Token, versionOf } from './record.js';

/** What the describing functions read of a packet: the bytes kept, and how many there were. */
export type Bytes = Pick<Packet, 'data' | 'length'>;

/** A packet's part of the line while it is being written. */
export interface Draft {
  readonly tokens: Token[];
  inner: PacketLog | undefined;
  /** The kernel left off in the middle: no UID, GID and MARK follow. */
  ended: boolean;
  /** The last word was written without a space; always `ended`. */
  bare: boolean;
  /** The capture lacks bytes that the kernel printed; what they would say is left out. */
  cutShort: boolean;
}

export function newDraft(): Draft {
  return { tokens: [], inner: undefined, ended: false, bare: false, cutShort: false };
}

/** Ends the text as the kernel does where it prints a last word without a space and returns. */
export function endBare(draft: Draft, word: string): void {
  draft.tokens.push([word, null]);
  draft.ended = draft.bare = true;
}

/** Where `skb_header_pointer()` finds `size` bytes at `at`: `short` is its null, `cut` is the snaplen's doing. */
export function presence(packet: Bytes, at: number, size: number): 'whole' | 'short' | 'cut' {
  if (at + size > packet.length) return 'short';
  return at + size > packet.data.length ? 'cut' : 'whole';
}

/** Whether a header is there to be read; if the packet is too short for it, `INCOMPLETE [n bytes]` was written. */
export function reach(packet: Bytes, at: number, size: number, draft: Draft): boolean {
  const found = presence(packet, at, size);
  if (found === 'short') draft.tokens.push(['INCOMPLETE', `[${remaining(packet, at)} bytes]`]);
  if (found === 'cut') draft.cutShort = true;
  return found === 'whole';
}

/** `%u` of a difference: wraps where a hostile header length points behind the end. */
function remaining(packet: Bytes, at: number): number {
  return (packet.length - at) >>> 0;
}

/** `OPT (0204…)`; the caller has made sure that the bytes are there. */
export function pushOptions(packet: Bytes, at: number, size: number, draft: Draft): void {
  let hex = '';
  for (let i = at; i < at + size; i++) hex += packet.data[i].toString(16).toUpperCase().padStart(2, '0');
  draft.tokens.push(['OPT', `(${hex})`]);
}

/** Puts the packet of an ICMP error between brackets. */
export function embed(draft: Draft, inner: Draft): void {
  draft.tokens.push(['[', null]);
  draft.inner = inner.bare ? { ...finish(inner), bare: true } : finish(inner);
  draft.cutShort ||= inner.cutShort;
}

export function finish(draft: Draft): PacketLog {
  return {
    version: versionOf(draft.tokens),
    tokens: draft.tokens,
    ...(draft.inner && { inner: draft.inner }),
  };
}
