import { tcpSegment } from '../../packet/build.js';
import { i32, setU32, u16, u32, u8 } from '../../packet/bytes.js';
import { fillTransportChecksum } from '../../packet/checksum.js';
import type { Packet } from '../../packet/packet.js';
import {
  readTcpOptions,
  tcpOptionBytes,
  type TcpOptions,
  timestampsOffset,
} from '../../packet/tcpOptions.js';
import { Tcp, TcpFlag } from '../../packet/transport.js';
import { CtState, Direction } from '../../rules/connection.js';
import type { SynproxyOffer } from '../../rules/context.js';
import { Protocol } from '../../packet/numbers.js';
import { Verdict } from '../../rules/verdict.js';
import { CtEvent, type ConnectionEntry, type Proxied } from '../conntrack/entry.js';
import { shiftSequences } from '../conntrack/sequenceOffsets.js';
import { TcpConnState, TcpFlagBit } from '../conntrack/tcpState.js';
import type { Tracker } from '../conntrack/tracker.js';
import { connectionOfSent } from '../evidence/evidence.js';
import { Passage } from '../passage.js';
import type { Evidence, KernelHost } from '../world.js';
import { adjustClock, restoreNumbers } from './clocks.js';
import { Cookies, encodedMss } from './cookies.js';
import { synAckOfServer } from './localServer.js';

const { syn: SYN, ack: ACK, rst: RST, ece: ECE, cwr: CWR } = TcpFlag;

/** What the clock in a timestamp says of a client's SYN besides the time: net/ipv4/syncookies.c. */
const Clock = { bits: 0x3f, scale: 0x0f, noScale: 0x0f, sackPermitted: 0x10, ecn: 0x20 } as const;

/** Where it works. */
interface Surroundings {
  readonly host: KernelHost;
  readonly evidence: Evidence;
  readonly tracker: Tracker;
  /** Takes a segment into OUTPUT that was made because of a packet. */
  send(passage: Passage, cause: Passage): void;
  /** What it does, in words. */
  tell(passage: Passage, what: string): void;
}

/**
 * Answers clients in the names of servers, and opens connections to those for who answers back: net/netfilter/nf_synproxy_core.c.
 */
export class Synproxy {
  private readonly cookies = new Cookies();

  constructor(private readonly around: Surroundings) {}

  /** A client's SYN: `synproxy_send_client_synack()`. */
  answerSyn(cause: Passage, offer: SynproxyOffer): void {
    const { packet: syn } = cause;
    const asked = readTcpOptions(syn);
    if (!asked) return;
    const { version, data, transport } = syn;
    const flags = u8(data, transport + Tcp.flags);
    const keeps = offer.timestamps && asked.timestamps !== null;
    const ecn = keeps && offer.ecn && (flags & (ECE | CWR)) === (ECE | CWR);
    const scaled = keeps && asked.windowScale !== null && offer.windowScale !== null;
    const sackPermitted = keeps && offer.sackPermitted && asked.sackPermitted;
    const clock =
      (scaled ? (asked.windowScale ?? 0) : Clock.noScale) |
      (sackPermitted ? Clock.sackPermitted : 0) |
      (ecn ? Clock.ecn : 0);
    const options = {
      mss: asked.mss === null ? null : offer.mss,
      windowScale: scaled ? offer.windowScale : null,
      sackPermitted,
      timestamps: keeps && asked.timestamps ? { value: clock, echo: asked.timestamps.value } : null,
    };
    const isn = i32(data, transport + Tcp.sequence);
    const answer = this.make(syn, 'back', {
      sequence: 0,
      acknowledgment: isn + 1,
      flags: SYN | ACK | (ecn ? ECE : 0),
      window: 0,
      options,
    });
    const { packet } = answer;
    const left = this.around.evidence.segment(syn, 'back', (other) => {
      const { data, transport } = other;
      if (u16(data, transport + Tcp.window) !== 0) return false;
      return sameFlags(packet, other) && i32(data, transport + Tcp.acknowledgment) === ((isn + 1) | 0);
    });
    const seen = left && this.beforeAdjustment(left);
    if (seen) takeNumbers(packet, seen);
    else {
      answer.uncaptured = true;
      answer.guessed = 'SEQ';
    }
    const cookie = seen && u32(packet.data, packet.transport + Tcp.sequence);
    this.cookies.note(syn, isn, cookie, encodedMss(version, asked.mss ?? 0));
    this.around.tell(
      cause,
      `answered with SYN and ACK in the server's name: ${cookie === null ? 'its sequence number, the cookie, was not captured' : `sequence number ${cookie}, the cookie`}`,
    );
    if (cause.connection) attach(answer, cause.connection);
    this.around.send(answer, cause);
  }

  /**
   * A client's answer to that: `synproxy_recv_client_ack()`.
   * @param sequence one past that of the client's SYN
   * @returns false where it is none
   */
  openToServer(cause: Passage, sequence?: number): boolean {
    const { packet: ack } = cause;
    const { data, transport } = ack;
    const options = readTcpOptions(ack);
    if (!options) return false;
    const acknowledgment = u32(data, transport + Tcp.acknowledgment);
    const own = i32(data, transport + Tcp.sequence);
    const { timestamps } = options;
    const echo = timestamps?.echo ?? 0;
    const scale = echo & Clock.scale;
    const ecn = timestamps !== null && (echo & Clock.ecn) !== 0;
    const opening = (mss: number): Passage =>
      this.make(ack, 'on', {
        sequence: (sequence ?? own) - 1,
        acknowledgment: acknowledgment - 1,
        flags: SYN | (ecn ? ECE | CWR : 0),
        window: u16(data, transport + Tcp.window),
        options: {
          mss,
          windowScale: timestamps && scale !== Clock.noScale ? scale : options.windowScale,
          sackPermitted: options.sackPermitted || (echo & Clock.sackPermitted) !== 0,
          timestamps,
        },
      });
    const mss = this.judge(cause, own, acknowledgment, opening);
    if (mss === null) return false;
    const made = opening(mss);
    made.bySynproxy = true;
    this.around.send(made, cause);
    return true;
  }

  /** The MSS that an acknowledgement brings back; null: it is none of a SYN that was answered. */
  private judge(
    cause: Passage,
    sequence: number,
    acknowledgment: number,
    opening: (mss: number) => Passage,
  ): number | null {
    const { packet: ack } = cause;
    const judged = this.cookies.judge(ack, sequence, acknowledgment);
    const { around } = this;
    const saw = `saw acknowledgment number ${acknowledgment}`;
    if (judged.kind === 'valid') {
      around.tell(
        cause,
        `wanted ${judged.wanted}, one past the cookie, ${saw}: the connection to the server is opened`,
      );
      return judged.mss;
    }
    if (judged.kind === 'invalid') {
      around.tell(
        cause,
        `wanted ${judged.wanted}, one past a cookie of the last two minutes, ${saw}: dropped`,
      );
      return null;
    }
    const { packet } = opening(judged.mss ?? encodedMss(ack.version, 0));
    const seen = around.evidence.segment(
      ack,
      'on',
      (other) =>
        sameFlags(packet, other) &&
        sameWord(packet, other, Tcp.sequence) &&
        sameWord(packet, other, Tcp.acknowledgment),
    );
    if (seen) {
      around.tell(cause, `${saw}, and the SYN to the server was captured: the connection to it is opened`);
      return readTcpOptions(seen)?.mss ?? judged.mss;
    }
    const isLikely = judged.mss !== null;
    if (isLikely || !this.showsWayOf(packet)) cause.doubt ??= COOKIE_UNKNOWN;
    around.tell(cause, `${saw}, and no cookie was captured: ${isLikely ? 'taken for right' : 'dropped'}`);
    return judged.mss;
  }

  /** A packet of a connection that was opened so is about to leave the hooks: `ipv4_synproxy_hook()`. */
  meet(passage: Passage, entry: ConnectionEntry, proxied: Proxied): Verdict {
    const { packet, direction } = passage;
    if (packet.in?.isLoopback === true || packet.protocol !== Protocol.tcp) return Verdict.accept;
    const { data, transport } = packet;
    const flags = u8(data, transport + Tcp.flags) & (SYN | ACK | RST);
    const isOriginal = direction === Direction.original;
    switch (entry.tcpState()?.state) {
      case TcpConnState.close:
        if (flags & RST && !isOriginal) {
          this.shift(entry, direction, proxied.isn - i32(data, transport + Tcp.sequence) + 1);
          break;
        }
        if ((flags & (SYN | ACK)) !== SYN || !isOriginal) break;
        proxied.clockOffset = 0;
        return this.begin(passage, entry, proxied);
      case TcpConnState.synSent:
        return this.begin(passage, entry, proxied);
      case TcpConnState.synRecv:
        if ((flags & (SYN | ACK)) !== (SYN | ACK)) break;
        return this.complete(passage, entry, proxied);
      default:
    }
    adjustClock(packet, direction, proxied.clockOffset);
    return Verdict.accept;
  }

  /** The server has not answered yet. */
  private begin(passage: Passage, entry: ConnectionEntry, proxied: Proxied): Verdict {
    const { packet, direction } = passage;
    const { data, transport } = packet;
    const options = readTcpOptions(packet);
    if (!options) return Verdict.drop;
    const flags = u8(data, transport + Tcp.flags);
    // The client asks whether anybody is there, with the number before the one that it is to go on with.
    if ((flags & (SYN | ACK)) === ACK && direction === Direction.original)
      return this.openToServer(passage, i32(data, transport + Tcp.sequence) + 1)
        ? Verdict.stolen
        : Verdict.drop;
    proxied.isn = i32(data, transport + Tcp.acknowledgment);
    if (options.timestamps) proxied.clock = options.timestamps.echo;
    entry.events |= CtEvent.synproxy;
    adjustClock(packet, direction, proxied.clockOffset);
    return Verdict.accept;
  }

  /** The server's SYN+ACK: it gets its ACK in the client's name, and the client is told the server's window. */
  private complete(passage: Passage, entry: ConnectionEntry, proxied: Proxied): Verdict {
    const { packet, direction } = passage;
    const { data, transport } = packet;
    const options = readTcpOptions(packet);
    if (!options) return Verdict.drop;
    const { timestamps, windowScale } = options;
    if (timestamps) {
      proxied.clockOffset = (timestamps.value - proxied.clock) | 0;
      entry.events |= CtEvent.synproxy;
    }
    const sequence = i32(data, transport + Tcp.sequence);
    const acknowledgment = i32(data, transport + Tcp.acknowledgment);
    const rest = { mss: null, windowScale: null, sackPermitted: false };
    const toServer = this.make(packet, 'back', {
      sequence: acknowledgment,
      acknowledgment: sequence + 1,
      flags: ACK,
      window: entry.tcpState()?.original.maxWindow ?? 0,
      options: {
        ...rest,
        timestamps: timestamps && { value: timestamps.echo, echo: timestamps.value },
      },
    });
    toServer.guessed = proxied.guessed;
    this.around.send(toServer, passage);
    this.shift(entry, direction, proxied.isn - sequence);
    entry.events |= CtEvent.seqAdjust;
    const toClient = this.make(packet, 'on', {
      sequence: sequence + 1,
      acknowledgment,
      flags: ACK,
      window: u16(data, transport + Tcp.window) >>> (windowScale ?? 0),
      options: { ...rest, timestamps },
    });
    toClient.guessed = proxied.guessed;
    attach(toClient, entry);
    if (proxied.guessed !== null && !this.showsWayOf(toClient.packet)) beLiberal(entry);
    this.around.send(toClient, passage);
    this.around.tell(
      passage,
      `answered with ACK in the client's name, and the client told the server's window; from here on its sequence numbers go to the client ${signed(proxied.isn - sequence)}`,
    );
    return Verdict.stolen;
  }

  /** The server is this host, and a SYN has come to it: what its socket answers; null: it does not. */
  serve(passage: Passage): Passage | null {
    const proxied = passage.connection?.proxied;
    return proxied ? synAckOfServer(this.around, passage, proxied) : null;
  }

  /** What has left as it was before the connection that it was taken for gave it other numbers; null: nothing tells which. */
  private beforeAdjustment(seen: Packet): Packet | null {
    const found = connectionOfSent(this.around.tracker, seen);
    if (found?.entry.proxied?.guessed === 'SEQ') return null;
    const before = seen.clone();
    if (found) restoreNumbers(before, found.entry, found.direction);
    return before;
  }

  /** Whether the capture shows what leaves on the way of a packet. */
  private showsWayOf(packet: Packet): boolean {
    const device = this.around.host.routing.output(packet)?.device;
    return device ? this.around.evidence.shows(device) : false;
  }

  private shift(entry: ConnectionEntry, direction: Direction, by: number): void {
    shiftSequences(entry, direction, by | 0);
  }

  /** A segment of synproxy's own, between the ends of another: `synproxy_build_ip()`. */
  private make(
    other: Packet,
    way: 'back' | 'on',
    fields: {
      sequence: number;
      acknowledgment: number;
      flags: number;
      window: number;
      options: TcpOptions;
    },
  ): Passage {
    const { options } = fields;
    const segment = tcpSegment(
      other,
      way,
      { ...fields, options: tcpOptionBytes(options) },
      { hopLimit: this.around.host.hopLimit(other.version, null) },
    );
    return new Passage(segment);
  }
}

const COOKIE_UNKNOWN = 'the cookie that synproxy sent the client was not captured';

function signed(difference: number): string {
  const by = difference | 0;
  return by < 0 ? `less by ${-by}` : `greater by ${by}`;
}

/** Nobody sees how much the server, which is this host, sends: no window is held against what is acknowledged of it. */
function beLiberal(entry: ConnectionEntry): void {
  const tcp = entry.tcpState();
  if (!tcp) return;
  for (const side of [tcp.original, tcp.reply]) side.flags |= TcpFlagBit.beLiberal;
  entry.keepTcp(tcp);
}

/** It is the server's answer in a connection: `nf_ct_set(IP_CT_ESTABLISHED_REPLY)`. */
function attach(passage: Passage, entry: ConnectionEntry): void {
  passage.connection = entry;
  passage.state = CtState.established;
  passage.direction = Direction.reply;
}

function sameFlags(a: Packet, b: Packet): boolean {
  return u8(a.data, a.transport + Tcp.flags) === u8(b.data, b.transport + Tcp.flags);
}

function sameWord(a: Packet, b: Packet, offset: number): boolean {
  return i32(a.data, a.transport + offset) === i32(b.data, b.transport + offset);
}

/** Gives a SYN+ACK the cookie and the clock with which it was seen to leave. */
function takeNumbers(packet: Packet, seen: Packet): void {
  const data = packet.own();
  const { sequence } = Tcp;
  setU32(data, packet.transport + sequence, i32(seen.data, seen.transport + sequence));
  const at = timestampsOffset(packet);
  const from = timestampsOffset(seen);
  if (at !== 0 && from !== 0) setU32(data, at, i32(seen.data, from));
  fillTransportChecksum(packet);
}
