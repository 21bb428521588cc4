import type { Packet } from '../../packet/packet.js';
import type { Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { Outcome } from '../verdict.js';
import { outcomeOf } from '../outcomes.js';

/** `struct xt_socket_mtinfo3` (linux/netfilter/xt_socket.h). */
export interface SocketMatch {
  /** Only sockets that may answer for other addresses. */
  readonly transparent: boolean;
  /** Sockets that listen on every address count too. */
  readonly noWildcard: boolean;
  readonly restoreMark: boolean;
}

function flags(data: SocketMatch): string {
  return [
    ...(data.transparent ? ['--transparent'] : []),
    ...(data.noWildcard ? ['--nowildcard'] : []),
    ...(data.restoreMark ? ['--restore-skmark'] : []),
  ].join(' ');
}

/** `socket_match()` (net/netfilter/xt_socket.c). The mark of a socket is not known, so --restore-skmark leaves the packet's. */
function test(data: SocketMatch, packet: Packet, context: Context): Outcome {
  const found = context.socket(packet);
  if (found === undefined) return Outcome.unknown;
  if (!found || (data.transparent && !found.transparent)) return Outcome.miss;
  if (found.wildcard === null && !data.noWildcard) return Outcome.unknown;
  if (found.wildcard && !data.noWildcard) return Outcome.miss;
  return data.restoreMark ? Outcome.unknown : outcomeOf(true);
}

function explain(
  data: SocketMatch,
  packet: Packet,
  context: Context,
  _: undefined,
  outcome: Outcome,
): Condition[] {
  const found = context.socket(packet);
  const kinds = found
    ? [found.transparent ? 'a transparent' : 'a', found.wildcard ? 'wildcard socket' : 'socket']
    : [];
  const saw = found === undefined ? 'not known' : found ? kinds.join(' ') : 'none';
  return [
    {
      name: 'socket',
      field: 'socket',
      wanted: ['a local socket', flags(data)].join(' ').trim(),
      saw,
      outcome,
    },
  ];
}

export const socket: MatchDefinition<SocketMatch, undefined> = {
  name: 'socket',
  versions: [4, 6],
  options: [
    { name: '--transparent', args: 0 },
    { name: '--nowildcard', args: 0 },
    { name: '--restore-skmark', args: 0 },
  ],
  parse: (options) => ({
    transparent: options.has('--transparent'),
    noWildcard: options.has('--nowildcard'),
    restoreMark: options.has('--restore-skmark'),
  }),
  print: flags,
  list: (data) => ['socket', flags(data)].join(' ').trim(),
  reads: () => ['ip.source', 'ip.destination', 'sourcePort', 'destinationPort', 'socket'],
  pure: true,
  common: true,
  gathers: true,
  start: () => undefined,
  test,
  explain,
};
