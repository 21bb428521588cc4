import { formatLine } from '../klog/describe.js';
import type { Packet } from '../packet/packet.js';
import type { LogOptions } from '../rules/context.js';
import type { Hook } from '../rules/hook.js';
import type { Rule } from '../rules/model.js';
import type { PredictedLine } from './events.js';
import type { Passage } from './passage.js';
import type { Sinks } from './world.js';

/** A message of nfnetlink has no level; this is that of LOG. */
const GROUP_LEVEL = 4;

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
    const text = formatLine(packet, options, hook, framed);
    this.sinks.line(predicted(passage, packet, rule, options, text));
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
    const text = formatLine(packet, { prefix }, hook);
    packet.data = data;
    this.sinks.grouped(predicted(passage, packet, rule, { level: GROUP_LEVEL, prefix }, text), group);
  }
}

interface GroupMessage {
  readonly group: number;
  readonly prefix: string;
  /** Bytes of the packet that it has at most; null: all. */
  readonly size: number | null;
}

function predicted(
  { doubt, uncaptured, guessed }: Passage,
  { time, frame }: Packet,
  rule: Rule | null,
  { level, prefix }: Pick<LogOptions, 'level' | 'prefix'>,
  text: string,
): PredictedLine {
  return { time, frame, rule, level, prefix, text, doubt, uncaptured, guessed };
}
