import { tcpSegment } from '../../packet/build.js';
import { i32, u16, u32, u8 } from '../../packet/bytes.js';
import type { Packet } from '../../packet/packet.js';
import { SocketKind } from '../../packet/numbers.js';
import {
  MAX_SCALE,
  readTcpOptions,
  tcpOptionBytes,
  type TcpOptions,
  timestampsOffset,
} from '../../packet/tcpOptions.js';
import { Tcp, TcpFlag } from '../../packet/transport.js';
import type { Proxied } from '../conntrack/entry.js';
import { Passage } from '../passage.js';
import type { Evidence, KernelHost } from '../world.js';

const { syn: SYN, ack: ACK, rst: RST, fin: FIN, ece: ECE, cwr: CWR } = TcpFlag;
const OPENS = SYN | ACK | RST | FIN;

/** What tells of a listening socket. */
interface Around {
  readonly host: KernelHost;
  readonly evidence: Evidence;
}

/** What only the server's TCP knows, as far as synproxy's segments tell it on. */
interface Numbers {
  readonly isn: number;
  readonly clock: number;
  /** As the client is told it, scaled; null: not captured. */
  readonly window: number | null;
}

/**
 * The server is this host. Its SYN+ACK never leaves: synproxy takes it at POSTROUTING. So what it was is made up from the SYN,
 * from how TCP opens windows here, and from what synproxy then sends both sides.
 * @returns null where nobody listens
 */
export function synAckOfServer(around: Around, { packet: syn }: Passage, proxied: Proxied): Passage | null {
  const { host } = around;
  const { data, transport } = syn;
  if ((u8(data, transport + Tcp.flags) & OPENS) !== SYN) return null;
  const asked = readTcpOptions(syn);
  if (!asked) return null;
  const numbers = numbersOf(around.evidence, syn, proxied);
  if (numbers.window === null && host.listens(syn) !== true) return null;
  const offered = offer(host, syn, asked, numbers.clock);
  const window = receiveWindow(host, offered);
  const flags = u8(data, transport + Tcp.flags);
  const congestion = (flags & (ECE | CWR)) === (ECE | CWR) && host.sysctl('net.ipv4.tcp_ecn', 2) !== 0;
  const fields = {
    sequence: numbers.isn,
    acknowledgment: i32(data, transport + Tcp.sequence) + 1,
    flags: SYN | ACK | (congestion ? ECE : 0),
    window,
    options: tcpOptionBytes(offered),
  };
  const answer = new Passage(tcpSegment(syn, 'back', fields));
  answer.route = host.routing.output(answer.packet);
  const hopLimit = host.hopLimit(syn.version, answer.route?.device ?? null);
  answer.packet = tcpSegment(syn, 'back', fields, { hopLimit });
  answer.packet.socket = SocketKind.request;
  answer.guessed = proxied.guessed;
  if (numbers.window !== null && numbers.window !== window >>> (offered.windowScale ?? 0))
    answer.doubt = OTHER_WINDOW;
  return answer;
}

const OTHER_WINDOW = 'the socket that answered it has another receive buffer than net.ipv4.tcp_rmem gives';

/** `tcp_synack_options()` (net/ipv4/tcp_output.c). */
function offer(host: KernelHost, syn: Packet, asked: TcpOptions, clock: number): TcpOptions {
  const can = (name: string): boolean => host.sysctl(`net.ipv4.${name}`, 1) !== 0;
  const [, , most] = host.sysctls('net.ipv4.tcp_rmem', RECEIVE_BUFFER);
  const space = Math.max(most, host.sysctl('net.core.rmem_max', 212_992), 1);
  const scale = Math.min(Math.max(31 - Math.clz32(space) - 15, 0), MAX_SCALE);
  return {
    mss: advertisedMss(host, syn),
    windowScale: asked.windowScale !== null && can('tcp_window_scaling') ? scale : null,
    sackPermitted: asked.sackPermitted && can('tcp_sack'),
    timestamps:
      asked.timestamps && can('tcp_timestamps') ? { value: clock, echo: asked.timestamps.value } : null,
  };
}

const RECEIVE_BUFFER: readonly number[] = [4096, 131_072, 6_291_456];
/** Bytes of the two headers without options. */
const HEADERS = { 4: 40, 6: 60 } as const;
const TIMESTAMPS_ALIGNED = 12;

/** By the way back to the client (`ipv4_default_advmss()`). */
function advertisedMss(host: KernelHost, syn: Packet): number {
  const back = tcpSegment(syn, 'back', {
    sequence: 0,
    acknowledgment: 0,
    flags: 0,
    window: 0,
    options: NONE,
  });
  const route = host.routing.output(back);
  return (route?.mtu ?? route?.device?.mtu ?? 1500) - HEADERS[syn.version];
}

const NONE = new Uint8Array(0);

/** Half of a new socket's buffer, in whole segments: `tcp_select_initial_window()` (net/ipv4/tcp_output.c). */
function receiveWindow(host: KernelHost, { mss, timestamps }: TcpOptions): number {
  const [, buffer] = host.sysctls('net.ipv4.tcp_rmem', RECEIVE_BUFFER);
  const segment = (mss ?? 1) - (timestamps ? TIMESTAMPS_ALIGNED : 0);
  const space = buffer >>> 1;
  return Math.min(space > segment ? space - (space % segment) : space, 0xffff);
}

/** What synproxy's segments tell, to the server through the loopback device and to the client. */
function numbersOf(evidence: Evidence, syn: Packet, proxied: Proxied): Numbers {
  const next = (i32(syn.data, syn.transport + Tcp.sequence) + 1) | 0;
  const isAck = ({ data, transport }: Packet): boolean => (u8(data, transport + Tcp.flags) & OPENS) === ACK;
  const toServer = evidence.segment(
    syn,
    'on',
    (seen, device) =>
      device.isLoopback && isAck(seen) && i32(seen.data, seen.transport + Tcp.sequence) === next,
  );
  const toClient = evidence.segment(syn, 'back', (seen) => {
    const { data, transport } = seen;
    return isAck(seen) && i32(data, transport + Tcp.acknowledgment) === next;
  });
  const window = toClient && u16(toClient.data, toClient.transport + Tcp.window);
  if (!toServer) {
    proxied.guessed = 'SEQ';
    return { isn: proxied.isn, clock: proxied.clock, window };
  }
  const at = timestampsOffset(toServer);
  const isn = i32(toServer.data, toServer.transport + Tcp.acknowledgment) - 1;
  if (at === 0) return { isn, clock: proxied.clock, window };
  // synproxy has added twice how far the server's clock is ahead: which half of the numbers it is from cannot be told.
  proxied.guessed = 'OPT';
  const twice = (u32(toServer.data, at + 4) - proxied.clock) | 0;
  return { isn, clock: (proxied.clock + (twice >> 1)) >>> 0, window };
}
