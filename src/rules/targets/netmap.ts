import { IpAddress, IpNetwork, parseAddress, parseNetwork } from '../../address/ip.js';
import { addressOf } from '../../packet/addresses.js';
import type { Packet } from '../../packet/packet.js';
import { type Context, Manip } from '../context.js';
import type { TargetDefinition } from '../definition.js';
import { Hook } from '../hook.js';
import type { OptionList } from '../options.js';
import { refusal } from '../refusal.js';
import { Verdict } from '../verdict.js';

export interface NetmapTarget {
  readonly network: IpNetwork;
}

/** What iptables cannot read as a prefix counts as the whole address. */
function read(text: string, version: 4 | 6): IpNetwork | undefined {
  const width = version === 4 ? 32 : 128;
  const network = parseNetwork(text);
  if (network?.version === version && network.prefixLength !== undefined) return network;
  const address = parseAddress(text.split('/')[0]);
  return address?.version === version ? IpNetwork.ofPrefix(address, width) : undefined;
}

function parse(options: OptionList): NetmapTarget {
  const word = options.find('--to')?.args[0];
  if (!word) options.error(refusal.missing('NETMAP', '--to'));
  const network = word && read(word.text, options.version);
  if (word && !network) options.error(`Bad IP address "${word.text}"`, word);
  return { network: network ?? IpNetwork.ofPrefix(new IpAddress(options.version, 0), 0) };
}

/** `netmap_tg4()`, `netmap_tg6()` (net/netfilter/xt_NETMAP.c): the network is replaced, the host bits stay. */
function run({ network }: NetmapTarget, packet: Packet, context: Context): Verdict {
  const toDestination = context.hook === Hook.prerouting || context.hook === Hook.output;
  const { address: net, mask } = network;
  const old = addressOf(packet, toDestination ? 'destination' : 'source');
  const address = new IpAddress(
    packet.version,
    (old.a & ~mask.a) | net.a,
    (old.b & ~mask.b) | net.b,
    (old.c & ~mask.c) | net.c,
    (old.d & ~mask.d) | net.d,
  );
  const range = { minAddress: address, maxAddress: address, minPort: null, maxPort: null, netmap: true };
  const manip = toDestination ? Manip.destination : Manip.source;
  return context.setupNat(packet, manip, range) ? Verdict.accept : Verdict.drop;
}

export const netmap: TargetDefinition<NetmapTarget, undefined> = {
  name: 'NETMAP',
  versions: [4, 6],
  tables: ['nat'],
  hooks: [Hook.prerouting, Hook.output, Hook.input, Hook.postrouting],
  options: [{ name: '--to', args: 1 }],
  parse,
  print: ({ network }) => `--to ${network.toString()}`,
  list: ({ network }) => `to:${network.toString()}`,
  writes: [],
  terminal: true,
  common: false,
  translates: [Manip.source, Manip.destination],
  start: () => undefined,
  run,
};
