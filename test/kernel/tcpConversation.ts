import { sequenceLength, tcpSegment, type TcpFields } from '../../src/lab/craft.js';
import { Conversation, type Flow, type Speaker } from './flow.js';
import type { Random } from './random.js';

interface End {
  /** The next sequence number to send. */
  next: number;
  /** The oldest one that the other end has not acknowledged. */
  unacknowledged: number;
  window: number;
  readonly scale: number | undefined;
  readonly sack: boolean;
}

const TCP = 6;

/** A TCP conversation in which everything that can happen on a wire happens now and then. */
export class TcpConversation extends Conversation {
  private ends: Record<Speaker, End>;
  private readonly sent: { speaker: Speaker; fields: Partial<TcpFields> }[] = [];

  constructor(random: Random, flow: Flow) {
    super(random, flow);
    this.ends = this.freshEnds();
  }

  private freshEnds(): Record<Speaker, End> {
    const { random } = this;
    const scaled = random.chance(0.6);
    const make = (): End => {
      const next = random.pick(random.word(), random.word(), 0xfffffff0, 0);
      return {
        next,
        unacknowledged: next,
        window: random.pick(65535, 64240, 502, 1000, 29200),
        scale: scaled && random.chance(0.9) ? random.pick(0, 2, 7, 14) : undefined,
        sack: random.chance(0.7),
      };
    };
    return { client: make(), server: make() };
  }

  private segment(
    speaker: Speaker,
    flags: string,
    fields: Partial<TcpFields> = {},
    badChecksum = false,
  ): void {
    const end = this.ends[speaker];
    const other = this.ends[otherOf(speaker)];
    const view = this.view(speaker);
    const whole: Partial<TcpFields> = {
      flags,
      sequence: end.next,
      acknowledgment: flags.includes('A') ? other.next : 0,
      window: end.window,
      ...(flags.includes('S') && {
        mss: this.random.chance(0.8) ? 1460 : undefined,
        windowScale: end.scale,
        sackPermitted: end.sack,
      }),
      ...fields,
    };
    this.sent.push({ speaker, fields: whole });
    if (!view) return;
    const { sourcePort, destinationPort } = view;
    const tcp = { sourcePort, destinationPort, flags, ...whole };
    this.send(speaker, TCP, tcpSegment(tcp), { dontFragment: true }, badChecksum);
  }

  /** Sends in order, and moves on. */
  private say(speaker: Speaker, flags: string, fields: Partial<TcpFields> = {}): void {
    this.segment(speaker, flags, fields);
    const end = this.ends[speaker];
    end.next = (end.next + sequenceLength(flags, fields.payload?.length ?? 0)) >>> 0;
  }

  run(steps: number): void {
    const { random } = this;
    random.weighted<() => void>([
      [10, () => this.handshake()],
      [1, () => this.say('client', 'S')],
      [1, () => this.simultaneousOpen()],
      [2, () => undefined],
      [1, () => this.halfOpen()],
    ])();
    for (let i = 0; i < steps; i++) this.event();
    if (random.chance(0.6)) this.end();
    for (let i = random.integer(0, 3); i > 0; i--) this.event();
    if (random.chance(0.4)) this.reopen();
  }

  private handshake(): void {
    const { random } = this;
    const synAck = { acknowledgment: 0 };
    this.say('client', 'S');
    if (random.chance(0.15)) this.again();
    synAck.acknowledgment = this.ends.client.next;
    this.say('server', 'SA', synAck);
    if (random.chance(0.15)) this.again();
    if (random.chance(0.9)) this.say('client', 'A');
  }

  private simultaneousOpen(): void {
    this.say('client', 'S');
    this.say('server', 'S');
    this.segment('client', 'SA', { sequence: (this.ends.client.next - 1) >>> 0 });
    this.segment('server', this.random.pick('SA', 'A'), {
      sequence: (this.ends.server.next - (this.random.chance(0.5) ? 1 : 0)) >>> 0,
    });
  }

  /** The server still has an older connection: it answers the SYN with an ACK, the client resets that, and tries again. */
  private halfOpen(): void {
    const old = this.random.word();
    this.say('client', 'S');
    this.segment('server', 'A', { sequence: this.random.word(), acknowledgment: old });
    this.segment('client', 'R', { sequence: old, window: 0 });
    if (this.random.chance(0.6)) this.handshake();
  }

  /** Sends a segment of before once more. */
  private again(back = 1): void {
    const last = this.sent[this.sent.length - Math.min(back, this.sent.length)];
    if (last) this.segment(last.speaker, last.fields.flags ?? 'A', last.fields);
  }

  private event(): void {
    const { random } = this;
    const who: Speaker = random.pick('client', 'server');
    const end = this.ends[who];
    const other = this.ends[otherOf(who)];
    const data = random.bytes(random.pick(1, 10, 100, 500));
    random.weighted<() => void>([
      [12, () => this.say(who, 'PA', { payload: data })],
      [6, () => this.say(who, 'A')],
      [2, () => this.again()],
      [3, () => this.again(random.integer(1, 6))],
      // Out of order: a later one first, then the one before.
      [
        2,
        () => {
          const first = end.next;
          this.segment(who, 'PA', { sequence: (first + data.length) >>> 0, payload: data });
          this.segment(otherOf(who), 'A', {
            sack: [[(first + data.length) >>> 0, (first + 2 * data.length) >>> 0]],
            acknowledgment: first,
          });
          this.segment(who, 'PA', { payload: data });
          end.next = (first + 2 * data.length) >>> 0;
        },
      ],
      // A hole that is never filled.
      [
        1,
        () => {
          end.next = (end.next + random.pick(10, 1000, 70000)) >>> 0;
        },
      ],
      // Overlaps what was sent before.
      [
        1,
        () =>
          this.segment(who, 'PA', {
            sequence: (end.next - random.integer(1, 20)) >>> 0,
            payload: random.bytes(40),
          }),
      ],
      // Keepalives: one before the next, with or without an octet.
      [
        2,
        () =>
          this.segment(who, 'A', {
            sequence: (end.next - 1) >>> 0,
            payload: random.bytes(random.integer(0, 1)),
          }),
      ],
      [
        1,
        () => {
          for (let i = random.integer(2, 5); i > 0; i--) this.segment(who, 'A');
        },
      ],
      [
        1,
        () => {
          end.window = random.pick(0, 0, 1, 100, 65535);
          this.segment(who, 'A');
        },
      ],
      [
        1,
        () => {
          end.window = 0;
          this.segment(who, 'A');
          end.window = 5000;
        },
      ],
      // Far away, ahead and behind, in both numbers.
      [
        1,
        () =>
          this.segment(who, 'PA', {
            sequence: (end.next + random.pick(2000, 66000, 1 << 20, 1 << 30)) >>> 0,
            payload: data,
          }),
      ],
      [
        1,
        () =>
          this.segment(who, 'PA', {
            sequence: (end.next - random.pick(2000, 66000, 1 << 20, 1 << 30)) >>> 0,
            payload: data,
          }),
      ],
      [
        1,
        () =>
          this.segment(who, 'A', {
            acknowledgment: (other.next + random.pick(1, 500, 66001, 1 << 20)) >>> 0,
          }),
      ],
      [
        1,
        () =>
          this.segment(who, 'A', {
            acknowledgment: (other.next - random.pick(1, 500, 65999, 66002, 1 << 20)) >>> 0,
          }),
      ],
      [
        1,
        () => this.segment(who, 'A', { sack: [[other.next, (other.next + random.integer(1, 5000)) >>> 0]] }),
      ],
      [1, () => this.segment(who, 'PA', { payload: data }, true)],
      // A SYN inside the conversation, with or without the challenge ACK (RFC 5961) and the reset that follow it.
      [1, () => this.challenge(who)],
      [1, () => this.segment(who, 'SA')],
      [2, () => this.reset(who, false)],
      [1, () => this.segment(who, random.pick('FPU', '', 'SF', 'FA', 'UA', 'RS', 'F'))],
      [
        1,
        () =>
          this.segment(who, random.pick('AE', 'PAEC', 'A'), {
            timestamps: [random.word(), random.word()],
            payload: data,
          }),
      ],
    ])();
  }

  private challenge(who: Speaker): void {
    const { random } = this;
    const sequence = random.pick(random.word(), (this.ends[who].next + 5) >>> 0);
    this.segment(who, 'S', { sequence });
    if (random.chance(0.6)) this.segment(otherOf(who), 'A');
    if (random.chance(0.5)) this.segment(who, 'R', { sequence: this.ends[who].next, window: 0 });
    else if (random.chance(0.4)) {
      this.ends[who].next = (sequence + 1) >>> 0;
      this.segment(otherOf(who), 'SA', { sequence: random.word(), acknowledgment: (sequence + 1) >>> 0 });
    }
  }

  private reset(who: Speaker, inPlace: boolean): void {
    const { random } = this;
    const { next } = this.ends[who];
    const sequence = inPlace
      ? next
      : random.pick(next, next, next - 1, next + 1, next + 1000, next - 1000, next + (1 << 24), 0);
    const flags = random.pick('R', 'RA');
    const acknowledgment = flags === 'RA' && random.chance(0.2) ? 0 : undefined;
    this.segment(who, flags, {
      sequence: sequence >>> 0,
      window: 0,
      ...(acknowledgment !== undefined && { acknowledgment }),
    });
  }

  private end(): void {
    const { random } = this;
    const first: Speaker = random.pick('client', 'server');
    const second = otherOf(first);
    random.weighted<() => void>([
      [
        5,
        () => {
          this.say(first, 'FA');
          if (random.chance(0.5)) this.say(second, 'A');
          if (random.chance(0.3)) this.say(second, 'PA', { payload: random.bytes(20) });
          if (random.chance(0.8)) this.say(second, 'FA');
          if (random.chance(0.8)) this.say(first, 'A');
          if (random.chance(0.3)) this.again(random.integer(1, 3));
        },
      ],
      // Both at once.
      [
        1,
        () => {
          const acknowledgment = this.ends[first].next;
          this.say(first, 'FA');
          this.say(second, 'FA', { acknowledgment });
          this.say(first, 'A');
          this.say(second, 'A');
        },
      ],
      [3, () => this.reset(first, true)],
      [
        1,
        () => {
          this.say(first, 'FA');
          this.reset(second, true);
        },
      ],
      [
        1,
        () => {
          this.reset(first, true);
          this.reset(second, true);
        },
      ],
    ])();
  }

  /** The same ports again: by the same side, or from the other one. */
  private reopen(): void {
    const { random } = this;
    this.ends = this.freshEnds();
    if (random.chance(0.75)) this.handshake();
    else {
      this.say('server', 'S');
      this.say('client', 'SA');
      this.say('server', 'A');
    }
    for (let i = random.integer(0, 4); i > 0; i--) this.event();
  }
}

function otherOf(speaker: Speaker): Speaker {
  return speaker === 'client' ? 'server' : 'client';
}
