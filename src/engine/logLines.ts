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
    this.sinks.line(predicted(passage, packet, rule, options.level, text));
  }

  /** What a listener of the group is sent, in the words of LOG. */
  toGroup(passage: Passage, packet: Packet, group: number, prefix: string, rule: Rule, hook: Hook): void {
    if (!this.sinks.grouped) return;
    const text = formatLine(packet, { prefix }, hook);
    this.sinks.grouped(predicted(passage, packet, rule, GROUP_LEVEL, text), group);
  }
}

function predicted(
  { doubt, uncaptured, guessed }: Passage,
  { time, frame }: Packet,
  rule: Rule | null,
  level: number,
  text: string,
): PredictedLine {
  return { time, frame, rule, level, text, doubt, uncaptured, guessed };
}
