import { type CaptureWriter, createCapture } from './captureFile.js';
import { INSIDE, OUTSIDE, type Side } from './topology.js';

/**
 * What the connections are: `forwarded` from the world to inside addresses; `published`: TCP to ports of the router that
 * Docker publishes, UDP and ICMP from the containers into the world; `services`: TCP to service addresses of Kubernetes, the
 * rest as `forwarded`.
 */
export type TrafficKind = 'forwarded' | 'published' | 'services';

export interface Traffic {
  readonly kind: TrafficKind;
  readonly packets: number;
  readonly connections: number;
  /** Each packet is in the capture again as it leaves, translated, as `-i any` shows it; `packets` counts both. */
  readonly withCopies?: boolean;
  /** ns from one packet to the next. */
  readonly step?: number;
}

/** ns from one packet to the next, unless told otherwise: 100,000 a second. */
const STEP = 10_000;
/** Of 20 connections one is ICMP and five are UDP. */
const MIX = { of: 20, icmp: 1, udp: 5 } as const;

export const PUBLISHED = { ports: 10, first: 8000, container: 80 } as const;
export const SERVICES = { count: 5000, endpoints: 2, port: 80, targetPort: 8080 } as const;

/** One end of a connection as one side of the router sees it. */
interface End {
  readonly address: number;
  readonly port: number;
}

/** A connection before and after translation. */
interface Connection {
  readonly protocol: 1 | 6 | 17;
  readonly from: Side;
  readonly to: Side;
  /** As its first packet comes in. */
  readonly source: End;
  readonly destination: End;
  /** As it leaves. */
  readonly sentSource: End;
  readonly sentDestination: End;
}

const ip = (a: number, b: number, c: number, d: number): number =>
  ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
const ROUTER = ip(198, 51, 100, 2);

/** An address of the world: 10.0.0.0/9, one for each connection. */
const client = (n: number): number => (ip(10, 0, 0, 0) + 256 + n) >>> 0;
/** An address of the inside: 172.17.0.2 to 172.17.199.255. */
export const inside = (n: number): number => (ip(172, 17, 0, 0) + 2 + (n % 51_000)) >>> 0;
export const service = (n: number): number => (ip(10, 96, 0, 0) + 256 + n) >>> 0;

function connection(kind: TrafficKind, n: number): Connection {
  const turn = n % MIX.of;
  const protocol = turn < MIX.icmp ? 1 : turn < MIX.icmp + MIX.udp ? 17 : 6;
  // The ports are those of ICMP too: its identifier stands where a source port would.
  const world: End = { address: client(n), port: 20_000 + (n % 40_000) };
  if (kind === 'forwarded' || (kind === 'services' && protocol !== 6)) {
    const server: End = { address: inside(n), port: 1024 + (n % 1000) };
    return plain(protocol, world, server, server);
  }
  if (kind === 'services') {
    const s = n % SERVICES.count;
    const endpoint = Math.floor(n / SERVICES.count) % SERVICES.endpoints;
    const pod: End = { address: inside(s * SERVICES.endpoints + endpoint), port: SERVICES.targetPort };
    return plain(protocol, world, { address: service(s), port: SERVICES.port }, pod);
  }
  const place = n % PUBLISHED.ports;
  if (protocol === 6) {
    const published: End = { address: ROUTER, port: PUBLISHED.first + place };
    return plain(protocol, world, published, { address: inside(place), port: PUBLISHED.container });
  }
  const remote: End = { address: world.address, port: 53 };
  return {
    protocol,
    from: INSIDE,
    to: OUTSIDE,
    source: { address: inside(place), port: world.port },
    destination: remote,
    sentSource: { address: ROUTER, port: world.port },
    sentDestination: remote,
  };
}

function plain(protocol: 1 | 6 | 17, source: End, destination: End, sentDestination: End): Connection {
  return { protocol, from: OUTSIDE, to: INSIDE, source, destination, sentSource: source, sentDestination };
}

/** Writes the traffic into a capture: the connections take turns, a packet each. */
export function writeTraffic(path: string, traffic: Traffic): void {
  const capture = createCapture(path);
  const connections = Array.from({ length: traffic.connections }, (_, n) => connection(traffic.kind, n));
  const count = traffic.withCopies ? traffic.packets >> 1 : traffic.packets;
  for (let i = 0; i < count; i++) {
    const turn = Math.floor(i / traffic.connections);
    // A stride without a common factor, so that neighbours are not of neighbouring connections.
    const n = (i * 7919) % traffic.connections;
    writePacket(capture, connections[n], turn, i, traffic);
  }
  capture.close();
}

function writePacket(capture: CaptureWriter, c: Connection, turn: number, i: number, traffic: Traffic): void {
  const back = isReply(c.protocol, turn);
  const { step = STEP, withCopies = false } = traffic;
  const time = i * step;
  const id = i & 0xffff;
  const [came, left] = back ? [c.to, c.from] : [c.from, c.to];
  const [source, destination] = back ? [c.sentDestination, c.sentSource] : [c.source, c.destination];
  capture.frame(time, came.index, 0, came.peerMac);
  body(capture, c.protocol, turn, source, destination, 64, id);
  if (!withCopies) return;
  const [sentSource, sentDestination] = back ? [c.destination, c.source] : [c.sentSource, c.sentDestination];
  capture.frame(time + step / 2, left.index, 4, left.mac);
  body(capture, c.protocol, turn, sentSource, sentDestination, 63, id);
}

/** TCP: SYN, SYN+ACK, ACK, then eight bytes from each side in turn; the others: question and answer. */
function isReply(protocol: number, turn: number): boolean {
  return protocol === 6 ? turn === 1 || (turn >= 3 && turn % 2 === 0) : turn % 2 === 1;
}

const SYN = 0x02;
const ACK = 0x10;
const PSH = 0x08;
const FIRST_SEQUENCE = { original: 1000, reply: 500_000 } as const;
const PAYLOAD = 8;

function body(
  capture: CaptureWriter,
  protocol: number,
  turn: number,
  source: End,
  destination: End,
  ttl: number,
  id: number,
): void {
  const back = isReply(protocol, turn);
  if (protocol === 1)
    return capture.icmp(
      source.address,
      destination.address,
      ttl,
      id,
      back ? 0 : 8,
      ...echo(back, source, destination, turn),
    );
  if (protocol === 17)
    return capture.udp(source.address, destination.address, ttl, id, source.port, destination.port, PAYLOAD);
  const round = Math.max(0, (turn - 3) >> 1);
  const sent = round * PAYLOAD;
  const ours = FIRST_SEQUENCE.original + (turn === 0 ? 0 : 1) + sent;
  const theirs = FIRST_SEQUENCE.reply + (turn === 1 ? 0 : 1) + sent;
  const [sequence, acknowledged] = back ? [theirs, ours + (turn >= 3 ? PAYLOAD : 0)] : [ours, theirs];
  const flags = turn === 0 ? SYN : turn === 1 ? SYN | ACK : turn === 2 ? ACK : PSH | ACK;
  capture.tcp(source.address, destination.address, ttl, id, {
    sourcePort: source.port,
    destinationPort: destination.port,
    sequence,
    acknowledgment: turn === 0 ? 0 : acknowledged,
    flags,
    payload: turn < 3 ? 0 : PAYLOAD,
  });
}

function echo(back: boolean, source: End, destination: End, turn: number): [number, number] {
  return [back ? destination.port : source.port, turn >> 1];
}
