import { u8 } from '../../packet/bytes.js';
import { verifyTransport } from '../../packet/checksum.js';
import { Protocol } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { tcpHeaderLength } from '../../packet/rewriteTcp.js';
import { Tcp, TcpFlag } from '../../packet/transport.js';
import type { Context, SynproxyOffer } from '../context.js';
import type { TargetDefinition } from '../definition.js';
import { Hook } from '../hook.js';
import type { OptionList } from '../options.js';
import { KERNEL_REFUSES } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { ALL_BITS, uintOption, words } from './reading.js';

function parse(options: OptionList): SynproxyOffer {
  if (options.protocol !== Protocol.tcp) options.error(KERNEL_REFUSES);
  const number = (name: string, bits: number): number | null => {
    const value = uintOption(options, 'SYNPROXY', name, [0, ALL_BITS], null);
    return value === null ? null : value & bits;
  };
  return {
    sackPermitted: options.has('--sack-perm'),
    timestamps: options.has('--timestamp'),
    // iptables 1.8.9 reads 32 bits and keeps what the structure holds.
    windowScale: number('--wscale', 0xff),
    mss: number('--mss', 0xffff),
    ecn: options.has('--ecn'),
  };
}

function show(data: SynproxyOffer, dashes: '--' | ''): string {
  return words(
    data.sackPermitted && `${dashes}sack-perm`,
    data.timestamps && `${dashes}timestamp`,
    data.windowScale !== null && `${dashes}wscale ${data.windowScale}`,
    data.mss !== null && `${dashes}mss ${data.mss}`,
    data.ecn && `${dashes}ecn`,
  );
}

/** `synproxy_tg4()` (net/ipv4/netfilter/ipt_SYNPROXY.c). */
function run(offer: SynproxyOffer, packet: Packet, context: Context): Verdict {
  const { syn, ack, fin, rst } = TcpFlag;
  const flags = u8(packet.data, packet.transport + Tcp.flags) & (syn | ack | fin | rst);
  const kind = flags === syn ? 'syn' : flags === ack ? 'ack' : null;
  return proxy(offer, packet, kind, context);
}

/**
 * What both back ends do with a segment of a client.
 * @param kind null: it is left alone
 */
export function proxy(
  offer: SynproxyOffer,
  packet: Packet,
  kind: 'syn' | 'ack' | null,
  context: Context,
): Verdict {
  if (verifyTransport(packet) === 'bad' || tcpHeaderLength(packet) === 0) return Verdict.drop;
  if (kind === 'syn') context.answerSyn?.(packet, offer);
  else if (kind === 'ack') return context.openToServer?.(packet) === false ? Verdict.drop : Verdict.stolen;
  return kind === null ? Verdict.continue : Verdict.stolen;
}

export const synproxy: TargetDefinition<SynproxyOffer, undefined> = {
  name: 'SYNPROXY',
  versions: [4, 6],
  hooks: [Hook.input, Hook.forward],
  options: [
    { name: '--sack-perm', args: 0 },
    { name: '--timestamp', args: 0 },
    { name: '--wscale', args: 1 },
    { name: '--mss', args: 1 },
    { name: '--ecn', args: 0 },
  ],
  parse,
  print: (data) => show(data, '--'),
  // iptables 1.8.9 leaves a space at the end.
  list: (data) => `${words('SYNPROXY', show(data, ''))} `,
  writes: [],
  terminal: false,
  common: true,
  tracks: () => true,
  start: () => undefined,
  run,
};
