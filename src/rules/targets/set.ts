import type { Packet } from '../../packet/packet.js';
import type { Context } from '../context.js';
import type { TargetDefinition } from '../definition.js';
import { parseUint } from '../integers.js';
import type { GivenOption, OptionList } from '../options.js';
import { refusal } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { words } from './reading.js';

/** One set, and which sides of the packet make up its element. */
export interface SetUse {
  readonly set: string;
  /** True is src. */
  readonly dimensions: readonly boolean[];
}

/** `struct xt_set_info_target_v3` (linux/netfilter/xt_set.h). */
export interface SetTarget {
  readonly add: SetUse | null;
  readonly exist: boolean;
  /** Seconds; null: the set's own. */
  readonly timeout: number | null;
  readonly del: SetUse | null;
  readonly map: SetUse | null;
  readonly mapMark: boolean;
  readonly mapPriority: boolean;
  readonly mapQueue: boolean;
}

/** IPSET_DIM_MAX less the one that counts (linux/netfilter/ipset/ip_set.h). */
const MOST_DIMENSIONS = 6;
const NAME_LENGTH = 31;
const MAP_FLAGS = ['--map-mark', '--map-prio', '--map-queue'] as const;

function parseUse(options: OptionList, given: GivenOption | undefined): SetUse | null {
  if (!given) return null;
  const [name, sides] = given.args;
  const parts = sides.text.split(',');
  if (name.text.length > NAME_LENGTH)
    options.error(`setname \`${name.text}' too long, max 31 characters.`, name);
  else if (options.names?.hasSet(name.text) === false) options.error(refusal.noSuchSet(name.text), name);
  if (parts.length > MOST_DIMENSIONS)
    options.error(`Can't be more src/dst options than ${MOST_DIMENSIONS}.`, sides);
  else if (parts.some((part) => part !== 'src' && part !== 'dst'))
    options.error("You must spefify (the comma separated list of) 'src' or 'dst'.", sides);
  return { set: name.text, dimensions: parts.map((part) => part === 'src') };
}

function parseTimeout(options: OptionList): number | null {
  const word = options.find('--timeout')?.args[0];
  if (!word) return null;
  const timeout = parseUint(word.text, 0xfffffffe);
  if (timeout === undefined)
    options.error('Invalid value for option --timeout or out of range 0-4294967294', word);
  return timeout ?? null;
}

function parse(options: OptionList): SetTarget {
  const add = parseUse(options, options.find('--add-set'));
  const del = parseUse(options, options.find('--del-set'));
  const map = parseUse(options, options.find('--map-set'));
  for (const name of ['--add-set', '--del-set', '--map-set']) {
    const twice = options.given.filter((o) => o.name === name)[1] as GivenOption | undefined;
    if (twice) options.error(`${name} can be specified only once`, twice);
  }
  if (!add && !del && !map)
    options.error("You must specify either `--add-set' or `--del-set' or `--map-set'");
  for (const name of ['--exist', '--timeout'])
    if (!add && options.has(name))
      options.error(`Flag \`${name}' can be used with \`--add-set' only`, options.find(name));
  if (map && !MAP_FLAGS.some((name) => options.has(name)))
    options.error("You must specify flags `--map-mark' or '--map-prio` or `--map-queue'");
  return {
    add,
    exist: options.has('--exist'),
    timeout: parseTimeout(options),
    del,
    map,
    mapMark: options.has('--map-mark'),
    mapPriority: options.has('--map-prio'),
    mapQueue: options.has('--map-queue'),
  };
}

function show(data: SetTarget, dashes: '--' | ''): string {
  const use = (action: string, part: SetUse | null): string =>
    part
      ? `${dashes}${action} ${part.set} ${part.dimensions.map((src) => (src ? 'src' : 'dst')).join(',')}`
      : '';
  return words(
    use('add-set', data.add),
    data.exist && `${dashes}exist`,
    data.timeout !== null && `${dashes}timeout ${data.timeout}`,
    use('del-set', data.del),
    use('map-set', data.map),
    data.mapMark && `${dashes}map-mark`,
    data.mapPriority && `${dashes}map-prio`,
    data.mapQueue && `${dashes}map-queue`,
  );
}

/** `set_target_v3()` (net/netfilter/xt_set.c). Transmit queues are not simulated. */
function run(data: SetTarget, packet: Packet, context: Context): Verdict {
  const { add, del, map, exist, timeout } = data;
  if (add) context.sets.change(add.set, packet, add.dimensions, { add: true, exist, timeout });
  if (del) context.sets.change(del.set, packet, del.dimensions, { add: false, exist: false, timeout: null });
  const found = map && context.sets.map(map.set, packet, map.dimensions);
  if (!found) return Verdict.continue;
  if (data.mapMark) packet.mark = ((packet.mark & ~found.markMask) ^ found.mark) >>> 0;
  if (data.mapPriority) packet.priority = found.priority;
  return Verdict.continue;
}

export const set: TargetDefinition<SetTarget, undefined> = {
  name: 'SET',
  versions: [4, 6],
  options: [
    { name: '--add-set', args: 2 },
    { name: '--del-set', args: 2 },
    { name: '--map-set', args: 2 },
    { name: '--exist', args: 0 },
    { name: '--timeout', args: 1 },
    ...MAP_FLAGS.map((name) => ({ name, args: 0 as const })),
  ],
  parse,
  print: (data) => show(data, '--'),
  list: (data) => show(data, ''),
  writes: ['set', 'mark', 'priority'],
  terminal: false,
  common: true,
  start: () => undefined,
  run,
};
