import type { Packet } from '../../packet/packet.js';
import type { Context } from '../context.js';
import type { TargetDefinition } from '../definition.js';
import { hex } from '../integers.js';
import type { OptionList } from '../options.js';
import { KERNEL_REFUSES, refuseTogether } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { listMarkChange, parseMarkChange } from './mark.js';
import { ALL_BITS, uintOption, words } from './reading.js';

/** `struct xt_connmark_tginfo2` (linux/netfilter/xt_connmark.h). */
export interface ConnmarkTarget {
  readonly mode: 'set' | 'save' | 'restore';
  /** For `set` only. */
  readonly value: number;
  readonly connectionMask: number;
  readonly packetMask: number;
  readonly shift: { readonly direction: 'left' | 'right'; readonly bits: number } | null;
}

const SET_MODES = ['--set-xmark', '--set-mark', '--and-mark', '--or-mark', '--xor-mark'] as const;
const MODES = [...SET_MODES, '--save-mark', '--restore-mark'] as const;

function parse(options: OptionList): ConnmarkTarget {
  refuseTogether(options, 'CONNMARK', MODES);
  refuseTogether(options, 'CONNMARK', ['--nfmask', '--mask']);
  refuseTogether(options, 'CONNMARK', ['--ctmask', '--mask']);
  const number = <T>(name: string, otherwise: T): number | T =>
    uintOption(options, 'CONNMARK', name, [0, ALL_BITS], otherwise);
  const mask = number('--mask', undefined);
  const shift = parseShift(options);
  const change = parseMarkChange(options, 'CONNMARK');
  if (change) {
    const connectionMask = mask ?? change.mask;
    return { mode: 'set', value: change.value, connectionMask, packetMask: 0, shift };
  }
  const mode = options.has('--restore-mark') ? 'restore' : 'save';
  if (!MODES.some((name) => options.has(name))) options.error('CONNMARK target: No operation specified');
  return {
    mode,
    value: 0,
    connectionMask: mask ?? number('--ctmask', ALL_BITS),
    packetMask: mask ?? number('--nfmask', ALL_BITS),
    shift,
  };
}

/** The last of the two that was given counts; a shift by 0 is none. */
function parseShift(options: OptionList): ConnmarkTarget['shift'] {
  const given = options.given.findLast(
    (o) => o.name === '--left-shift-mark' || o.name === '--right-shift-mark',
  );
  if (!given) return null;
  const bits = uintOption(options, 'CONNMARK', given.name, [0, 32], 0);
  if (bits === 32) options.error(KERNEL_REFUSES, given.args[0]);
  return bits === 0 ? null : { direction: given.name === '--left-shift-mark' ? 'left' : 'right', bits };
}

function print({ mode, value, connectionMask, packetMask, shift }: ConnmarkTarget): string {
  return words(
    mode === 'set'
      ? `--set-xmark ${hex(value)}/${hex(connectionMask)}`
      : `--${mode}-mark --nfmask ${hex(packetMask)} --ctmask ${hex(connectionMask)}`,
    shift && `--${shift.direction}-shift-mark ${shift.bits}`,
  );
}

function list({ mode, value, connectionMask, packetMask, shift }: ConnmarkTarget): string {
  const masks =
    connectionMask === packetMask
      ? connectionMask !== ALL_BITS && `mask ${hex(connectionMask)}`
      : mode === 'save'
        ? `nfmask ${hex(packetMask)} ctmask ~${hex(connectionMask)}`
        : `ctmask ${hex(connectionMask)} nfmask ~${hex(packetMask)}`;
  return words(
    'CONNMARK',
    mode === 'set' ? listMarkChange({ value, mask: connectionMask }) : mode,
    mode !== 'set' && masks,
    shift && `${shift.direction}-shift-mark ${shift.bits}`,
  );
}

function shifted(value: number, shift: ConnmarkTarget['shift']): number {
  if (!shift) return value >>> 0;
  return (shift.direction === 'left' ? value << shift.bits : value >>> shift.bits) >>> 0;
}

/** `connmark_tg_shift()` (net/netfilter/xt_connmark.c). */
function run(data: ConnmarkTarget, packet: Packet, context: Context): Verdict {
  const { connection } = context;
  if (!connection) return Verdict.continue;
  const { connectionMask, packetMask, shift } = data;
  if (data.mode === 'restore') {
    const restored = shifted(connection.mark & connectionMask, shift);
    packet.mark = ((packet.mark & ~packetMask) ^ restored) >>> 0;
    return Verdict.continue;
  }
  const mark =
    data.mode === 'set'
      ? shifted((connection.mark & ~connectionMask) ^ data.value, shift)
      : ((connection.mark & ~connectionMask) ^ shifted(packet.mark & packetMask, shift)) >>> 0;
  if (mark !== connection.mark >>> 0) {
    connection.mark = mark;
    connection.markRule = context.rule;
  }
  return Verdict.continue;
}

export const connmark: TargetDefinition<ConnmarkTarget, undefined> = {
  name: 'CONNMARK',
  versions: [4, 6],
  options: [
    ...SET_MODES.map((name) => ({ name, args: 1 as const })),
    { name: '--save-mark', args: 0 },
    { name: '--restore-mark', args: 0 },
    ...['--mask', '--nfmask', '--ctmask', '--left-shift-mark', '--right-shift-mark'].map((name) => ({
      name,
      args: 1 as const,
    })),
  ],
  parse,
  print,
  list,
  writes: ['mark', 'ct.mark'],
  terminal: false,
  common: false,
  tracks: () => true,
  start: () => undefined,
  run,
};
