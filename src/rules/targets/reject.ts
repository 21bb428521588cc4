import type { Packet } from '../../packet/packet.js';
import { Protocol } from '../../packet/numbers.js';
import type { Context, RejectKind } from '../context.js';
import type { TargetDefinition } from '../definition.js';
import { Hook } from '../hook.js';
import type { OptionList } from '../options.js';
import { KERNEL_REFUSES } from '../refusal.js';
import { Verdict } from '../verdict.js';

export interface RejectTarget {
  readonly kind: RejectKind;
}

/** Kinds with their short names, in the order in which a beginning of a name is looked up (iptables-extensions(8)). */
const KINDS = {
  4: [
    ['icmp-net-unreachable', 'net-unreach'],
    ['icmp-host-unreachable', 'host-unreach'],
    ['icmp-proto-unreachable', 'proto-unreach'],
    ['icmp-port-unreachable', 'port-unreach'],
    ['icmp-net-prohibited', 'net-prohib'],
    ['icmp-host-prohibited', 'host-prohib'],
    ['tcp-reset', 'tcp-rst'],
    ['icmp-admin-prohibited', 'admin-prohib'],
  ],
  6: [
    ['icmp6-no-route', 'no-route'],
    ['icmp6-adm-prohibited', 'adm-prohibited'],
    ['icmp6-addr-unreachable', 'addr-unreach'],
    ['icmp6-port-unreachable', 'port-unreach'],
    ['tcp-reset', 'tcp-reset'],
    ['icmp6-policy-fail', 'policy-fail'],
    ['icmp6-reject-route', 'reject-route'],
  ],
} as const satisfies Record<4 | 6, readonly (readonly [RejectKind, string])[]>;

const DEFAULT = { 4: 'icmp-port-unreachable', 6: 'icmp6-port-unreachable' } as const;

function parse(options: OptionList): RejectTarget {
  const word = options.find('--reject-with')?.args[0];
  if (!word) return { kind: DEFAULT[options.version] };
  const wanted = word.text.toLowerCase();
  const found = KINDS[options.version].find(
    ([kind, short]) => kind.startsWith(wanted) || short.startsWith(wanted),
  );
  if (!found) {
    options.error(`unknown reject type "${word.text}"`, word);
    return { kind: DEFAULT[options.version] };
  }
  // reject_tg_check(): a reset needs -p tcp.
  if (found[0] === 'tcp-reset' && options.protocol !== Protocol.tcp) options.error(KERNEL_REFUSES, word);
  return { kind: found[0] };
}

function run({ kind }: RejectTarget, packet: Packet, context: Context): Verdict {
  context.reject(packet, kind);
  return Verdict.drop;
}

/** net/ipv4/netfilter/ipt_REJECT.c, net/ipv6/netfilter/ip6t_REJECT.c. */
export const reject: TargetDefinition<RejectTarget, undefined> = {
  name: 'REJECT',
  versions: [4, 6],
  tables: ['filter'],
  hooks: [Hook.input, Hook.forward, Hook.output],
  options: [{ name: '--reject-with', args: 1 }],
  parse,
  print: ({ kind }) => `--reject-with ${kind}`,
  list: ({ kind }) => `reject-with ${kind}`,
  writes: [],
  terminal: true,
  common: false,
  start: () => undefined,
  run,
};
