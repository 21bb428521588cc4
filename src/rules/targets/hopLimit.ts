import type { Packet } from '../../packet/packet.js';
import { setTtl, ttlOf } from '../../packet/rewrite.js';
import type { TargetDefinition } from '../definition.js';
import type { OptionList } from '../options.js';
import { refuseTogether } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { uintOption } from './reading.js';

export interface HopLimitTarget {
  readonly mode: 'set' | 'inc' | 'dec';
  readonly value: number;
}

const WORDS = { set: 'set to', inc: 'increment by', dec: 'decrement by' } as const;

/** `ttl_tg()`, `hl_tg6()` (net/netfilter/xt_HL.c): the result stays within a byte. */
function run({ mode, value }: HopLimitTarget, packet: Packet): Verdict {
  const before = ttlOf(packet);
  const after =
    mode === 'set' ? value : mode === 'inc' ? Math.min(255, before + value) : Math.max(0, before - value);
  if (after !== before) setTtl(packet, after);
  return Verdict.continue;
}

/** TTL of IPv4 and HL of IPv6 are one module with two names. */
function hopLimit(name: 'TTL' | 'HL', version: 4 | 6): TargetDefinition<HopLimitTarget, undefined> {
  const option = (mode: HopLimitTarget['mode']): string => `--${name.toLowerCase()}-${mode}`;
  const modes = ['set', 'dec', 'inc'] as const;
  function parse(options: OptionList): HopLimitTarget {
    refuseTogether(options, name, modes.map(option));
    const mode = modes.find((m) => options.has(option(m)));
    if (!mode) {
      options.error(`${name}: You must specify an action`);
      return { mode: 'inc', value: 0 };
    }
    return { mode, value: uintOption(options, name, option(mode), [mode === 'set' ? 0 : 1, 255], 0) };
  }
  return {
    name,
    versions: [version],
    tables: ['mangle'],
    options: modes.map((mode) => ({ name: option(mode), args: 1 })),
    parse,
    print: ({ mode, value }) => `${option(mode)} ${value}`,
    list: ({ mode, value }) => `${name} ${WORDS[mode]} ${value}`,
    writes: ['ip.ttl'],
    terminal: false,
    common: false,
    start: () => undefined,
    run,
  };
}

export const ttl = hopLimit('TTL', 4);
export const hl = hopLimit('HL', 6);
