import { setU16, setU32, u16 } from '../../src/packet/bytes.js';
import { ipv4HeaderChecksum } from '../../src/packet/checksum.js';
import {
  fragments,
  icmpMessage,
  ipPacket,
  sctpInit,
  sctpPacket,
  udpDatagram,
  type SctpChunk,
} from '../../src/lab/craft.js';
import { Conversation, type Speaker } from './flow.js';
import type { Random } from './random.js';

const EITHER = ['client', 'server'] as const;

/** Datagrams both ways, with pauses where the scenario has short timeouts. */
export function udp(c: Conversation, wait: boolean): void {
  const { random } = c;
  for (let i = random.integer(1, 8); i > 0; i--) {
    const speaker: Speaker = random.pick('client', 'client', ...EITHER);
    const view = c.view(speaker);
    if (!view) continue;
    const payload = random.bytes(random.pick(0, 1, 30, 400));
    c.send(speaker, 17, udpDatagram(view.sourcePort, view.destinationPort, payload), {}, random.chance(0.05));
    if (wait && random.chance(0.3)) pause(c, random.pick(1_200_000, 2_300_000));
  }
}

/** The last packet waits before it is sent. */
function pause(c: Conversation, wait: number): void {
  const last = c.packets.pop();
  if (last) c.packets.push({ ...last, wait });
}

export function ping(c: Conversation): void {
  const { random } = c;
  const id = random.chance(0.2) ? 7 : random.integer(0, 65535);
  const six = isSix(c);
  const [query, reply] = six ? [128, 129] : random.pick([8, 0], [8, 0], [8, 0], [13, 14], [15, 16], [17, 18]);
  const protocol = six ? 58 : 1;
  for (let n = random.integer(1, 4); n > 0; n--) {
    const rest = (id << 16) | n;
    const payload = random.bytes(query === 8 || six ? 56 : 12);
    c.send('client', protocol, icmpMessage(query, random.chance(0.9) ? 0 : 3, rest, payload));
    if (random.chance(0.8)) c.send('server', protocol, icmpMessage(reply, 0, rest, payload));
    if (random.chance(0.1)) c.send('client', protocol, icmpMessage(reply, 0, rest, payload));
    if (random.chance(0.1)) c.send('server', protocol, icmpMessage(query, 0, rest, payload));
  }
  const odd = six ? random.pick(139, 140, 144, 160, 200) : random.pick(1, 2, 9, 10, 19, 40);
  if (random.chance(0.15)) c.send('client', protocol, icmpMessage(odd, 0, random.word(), random.bytes(8)));
}

function isSix(c: Conversation): boolean {
  return c.flow.client.source.includes(':');
}

/** Errors about packets of this conversation, from its ends and from routers on the way, quoting much or little. */
export function icmpErrors(c: Conversation): void {
  const { random } = c;
  const quotable = c.packets;
  const six = isSix(c);
  for (let n = random.integer(1, 3); n > 0 && quotable.length > 0; n--) {
    const about = random.pick(...quotable);
    const speaker: Speaker = about.interface === c.flow.client.interface ? 'server' : 'client';
    const view = c.view(speaker);
    if (!view) continue;
    // What the one who complains has seen: the packet as it came to it.
    const seen = Uint8Array.from(about.bytes);
    const other = c.view(speaker === 'client' ? 'server' : 'client');
    if (other && random.chance(0.9)) readdress(seen, { source: view.destination, destination: view.source });
    if (random.chance(0.9)) swapPorts(seen, view.destinationPort, view.sourcePort);
    const lengths = six ? ([40, 44, 48, 48, 48, 80, 568] as const) : ([20, 24, 28, 28, 28, 60, 548] as const);
    const quoted = seen.subarray(0, Math.min(seen.length, random.pick(...lengths)));
    const [type, code, rest] = six
      ? random.pick([1, 4, 0], [1, 0, 0], [2, 0, 1280], [3, 0, 0], [4, 1, 6], [1, 3, 0])
      : random.pick(
          [3, 3, 0],
          [3, 1, 0],
          [3, 4, 1400],
          [11, 0, 0],
          [12, 0, 0x14000000],
          [4, 0, 0],
          [5, 1, 0xc6336409],
          [3, 13, 0],
        );
    const routers = six
      ? (['2001:db8:ffff::77', '2001:db8:1::12'] as const)
      : (['203.0.113.77', '192.168.1.12'] as const);
    const source = random.chance(0.3) ? random.pick(...routers) : view.source;
    c.send(speaker, six ? 58 : 1, icmpMessage(type, code, rest, quoted), { source });
  }
}

function readdress(
  packet: Uint8Array,
  { source, destination }: { source: string; destination: string },
): void {
  const made = ipPacket({ source, destination }, 59, new Uint8Array(0));
  if (made[0] >> 4 === 6) packet.set(made.subarray(8, 40), 8);
  else packet.set(made.subarray(12, 20), 12);
}

function swapPorts(packet: Uint8Array, source: number, destination: number): void {
  const six = packet[0] >> 4 === 6;
  const at = six ? 40 : (packet[0] & 15) * 4;
  if (![6, 17, 132].includes(packet[six ? 6 : 9]) || packet.length < at + 4) return;
  setU16(packet, at, source);
  setU16(packet, at + 2, destination);
}

/** An association: set up, used, shut down, with wrong tags and chunks out of turn. */
export function sctp(c: Conversation): void {
  const { random } = c;
  const tags = { client: random.word() || 1, server: random.word() || 1 };
  const say = (speaker: Speaker, chunks: readonly SctpChunk[], tag?: number): void => {
    const view = c.view(speaker);
    const own = speaker === 'client' ? tags.server : tags.client;
    const right = tag ?? own;
    const used = random.chance(0.07) ? random.word() : right;
    if (view)
      c.send(
        speaker,
        132,
        sctpPacket(view.sourcePort, view.destinationPort, used, chunks),
        {},
        random.chance(0.03),
      );
  };
  const init = (): void => say('client', [{ type: 1, body: sctpInit(tags.client) }], 0);
  const steps: (() => void)[] = [
    init,
    () => say('server', [{ type: 2, body: sctpInit(tags.server) }]),
    () =>
      say('client', [{ type: 10, body: random.bytes(16) }, ...(random.chance(0.3) ? [data(random)] : [])]),
    () => say('server', [{ type: 11 }, ...(random.chance(0.3) ? [data(random)] : [])]),
  ];
  for (const step of steps) {
    if (random.chance(0.92)) step();
    if (random.chance(0.1)) step();
  }
  const any: readonly SctpChunk[] = [
    { type: 0, flags: 3, body: random.bytes(20) },
    { type: 3, body: random.bytes(12) },
    { type: 4, body: random.bytes(8) },
    { type: 5, body: random.bytes(8) },
    { type: 6, flags: random.integer(0, 1) },
    { type: 7, body: random.bytes(4) },
    { type: 8 },
    { type: 9, body: random.bytes(4) },
    { type: 14, flags: random.integer(0, 1) },
  ];
  for (let n = random.integer(0, 8); n > 0; n--) {
    const speaker = random.pick(...EITHER);
    const chunks = [random.pick(any[0], any[0], any[1], any[2], any[3], ...any)];
    if (random.chance(0.2)) chunks.push(random.pick(...any));
    say(speaker, chunks, random.chance(0.1) ? (speaker === 'client' ? tags.client : tags.server) : undefined);
  }
  if (random.chance(0.5)) {
    say('client', [{ type: 7, body: random.bytes(4) }]);
    say('server', [{ type: 8 }]);
    say('client', [{ type: 14 }]);
    if (random.chance(0.5)) {
      tags.client = random.word() || 1;
      init();
      init();
    }
  }
  if (random.chance(0.1)) say('server', [{ type: 1, body: sctpInit(tags.server) }], 0);
}

function data(random: Random): SctpChunk {
  return { type: 0, flags: 3, body: random.bytes(24) };
}

/** GRE of versions 0 and 1 (PPTP's, with a call id), both ways. */
export function gre(c: Conversation): void {
  const { random } = c;
  const enhanced = random.chance(0.4);
  const calls = { client: random.integer(1, 9), server: random.integer(1, 9) };
  for (let n = random.integer(1, 5); n > 0; n--) {
    const speaker = random.pick(...EITHER);
    const payload = new Uint8Array(enhanced ? 16 : 24);
    setU16(payload, 0, enhanced ? 0x2001 : 0);
    setU16(payload, 2, enhanced ? 0x880b : 0x0800);
    if (enhanced) {
      setU16(payload, 4, 4);
      setU16(payload, 6, calls[speaker]);
    }
    c.send(speaker, 47, random.chance(0.1) ? payload.subarray(0, 4) : payload);
  }
}

/** DCCP (RFC 4340): request, response, ack, data, close, reset; tracked as an unknown protocol since Linux 6.15. */
export function dccp(c: Conversation): void {
  const { random } = c;
  for (const [speaker, type] of [
    ['client', 0],
    ['server', 1],
    ['client', 3],
    ['server', 2],
    ['client', 6],
    ['server', 7],
  ] as const) {
    const view = c.view(speaker);
    if (!view || random.chance(0.15)) continue;
    const bytes = new Uint8Array(24);
    setU16(bytes, 0, view.sourcePort);
    setU16(bytes, 2, view.destinationPort);
    bytes[4] = 6;
    bytes[8] = (type << 1) | 1;
    setU32(bytes, 12, random.word() | 0);
    c.send(speaker, 33, bytes);
  }
}

export function unknownProtocol(c: Conversation): void {
  const { random } = c;
  const protocol = random.pick(2, 4, 50, 51, 89, 103, 112, 136, 200);
  for (let n = random.integer(1, 3); n > 0; n--) c.send(random.pick(...EITHER), protocol, random.bytes(24));
}

/** Cut by RFC 8200 section 4.5. */
function fragmentsInSix(packet: Uint8Array, size: number, id: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 40; at < packet.length; at += size) {
    const end = Math.min(packet.length, at + size);
    const piece = new Uint8Array(48 + end - at);
    piece.set(packet.subarray(0, 40));
    piece.set(packet.subarray(at, end), 48);
    setU16(piece, 4, piece.length - 40);
    piece[40] = piece[6];
    piece[6] = 44;
    setU16(piece, 42, (at - 40) | (end < packet.length ? 1 : 0));
    setU32(piece, 44, id | 0);
    out.push(piece);
  }
  return out;
}

/** A datagram in pieces: in order or not, with repeats, overlaps and holes. */
export function fragmented(c: Conversation): void {
  const { random } = c;
  const speaker = random.pick(...EITHER);
  const view = c.view(speaker) ?? c.flow.client;
  const payload = udpDatagram(
    view.sourcePort,
    view.destinationPort,
    random.bytes(random.pick(100, 700, 1600)),
  );
  const ip = {
    source: view.source,
    destination: view.destination,
    id: random.integer(1, 65535),
    ttl: random.pick(64, 2, 1),
  };
  const whole = ipPacket(ip, 17, payload);
  const size = random.pick(64, 256, 400, 800);
  let pieces = isSix(c) ? fragmentsInSix(whole, size, random.word()) : fragments(whole, size);
  random.weighted<() => void>([
    [5, () => undefined],
    [2, () => pieces.reverse()],
    [1, () => pieces.push(random.pick(...pieces))],
    [1, () => void (pieces = pieces.slice(1))],
    [1, () => void (pieces = pieces.slice(0, -1))],
    [
      1,
      () =>
        void (pieces = [...pieces.slice(0, 2), overlapping(pieces[pieces.length - 1]), ...pieces.slice(2)]),
    ],
  ])();
  for (const piece of pieces) c.raw(view.interface, piece);
}

/** The same piece, eight bytes further to the front, and as the last one. */
function overlapping(piece: Uint8Array): Uint8Array {
  const moved = Uint8Array.from(piece);
  if (moved[0] >> 4 === 6) {
    setU16(moved, 42, Math.max(0, (u16(piece, 42) & 0xfff8) - 8));
    return moved;
  }
  setU16(moved, 6, Math.max(0, (u16(piece, 6) & 0x1fff) - 1));
  setU16(moved, 10, 0);
  setU16(moved, 10, ipv4HeaderChecksum(moved));
  return moved;
}
