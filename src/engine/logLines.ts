import { keepLine } from '../klog/describe.js';
import { allOptions } from '../klog/options.js';
import type { Packet } from '../packet/packet.js';
import type { LogOptions } from '../rules/context.js';
import { Hook } from '../rules/hook.js';
import type { Rule } from '../rules/model.js';
import type { KeptText } from '../source/keptText.js';
import type { PredictedLine } from './events.js';
import type { Passage } from './passage.js';
import type { Sinks } from './world.js';

/** A message of nfnetlink has no level; this is that of LOG. */
const GROUP_LEVEL = 4;
/** LOGLEVEL_NOTICE. */
const REFUSED_LEVEL = 5;

/** Hands on what rules write about packets. */
export class LogLines {
  constructor(private readonly sinks: Sinks) {}

  /** @param framed the link header is the packet's own by now */
  line(
    passage: Passage,
    packet: Packet,
    options: LogOptions,
    rule: Rule | null,
    hook: Hook,
    framed = false,
  ): void {
    const kept = keepLine(packet, options, hook, framed);
    this.sinks.line(new LoggedLine(passage, packet, rule, options, kept));
  }

  /** What a helper says of a packet that it drops, without its devices: `nf_ct_helper_log()`, `default_loginfo`. */
  refused(passage: Passage, helper: string, reason: string): void {
    const { packet } = passage;
    const { in: input, out } = packet;
    packet.in = packet.out = null;
    const options = { ...allOptions(`nf_ct_${helper}: dropping packet: ${reason} `), level: REFUSED_LEVEL };
    this.line(passage, packet, options, null, Hook.prerouting);
    packet.in = input;
    packet.out = out;
  }

  /** What a listener of the group is sent, in the words of LOG. */
  toGroup(
    passage: Passage,
    packet: Packet,
    { group, prefix, size }: GroupMessage,
    rule: Rule,
    hook: Hook,
  ): void {
    if (!this.sinks.grouped) return;
    // NF_LOG_F_COPY_LEN (`nfulnl_log_packet()`): what is behind that is not told.
    const { data } = packet;
    if (size !== null && size < data.length) packet.data = data.subarray(0, size);
    const kept = keepLine(packet, { prefix }, hook, false);
    packet.data = data;
    this.sinks.grouped(
      new LoggedLine(passage, packet, rule, { level: GROUP_LEVEL, prefix, uid: false }, kept),
      group,
    );
  }
}

interface GroupMessage {
  readonly group: number;
  readonly prefix: string;
  /** Bytes of the packet that it has at most; null: all. */
  readonly size: number | null;
}

/** Its text is read where somebody asks for it. */
class LoggedLine implements PredictedLine {
  readonly time: number;
  readonly frame: number;
  readonly doubt: string | null;
  readonly uncaptured: boolean;
  readonly guessed: PredictedLine['guessed'];
  readonly level: number;
  readonly prefix: string;

  constructor(
    passage: Passage,
    packet: Packet,
    readonly rule: Rule | null,
    { level, prefix, uid }: Pick<LogOptions, 'level' | 'prefix' | 'uid'>,
    readonly kept: KeptText,
  ) {
    this.time = packet.time;
    this.frame = packet.frame;
    this.doubt = passage.doubt;
    this.uncaptured = passage.uncaptured;
    this.guessed = passage.guessed ?? (packet.ownerAssumed && uid === true ? 'UID' : null);
    this.level = level;
    this.prefix = prefix;
  }

  get text(): string {
    return this.kept.toString();
  }
}
