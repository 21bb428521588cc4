import { formatMac, parseMac } from '../../address/mac.js';
import { numberArgument } from '../arguments.js';
import type { TargetDefinition } from '../definition.js';
import type { OptionList } from '../options.js';
import { Verdict } from '../verdict.js';

/** `struct ipt_clusterip_tgt_info` (linux/netfilter_ipv4/ipt_CLUSTERIP.h); null: a rule beside the one with --new. */
export type ClusteripTarget = {
  readonly hashMode: string;
  readonly mac: string;
  readonly totalNodes: number;
  readonly localNode: number;
  readonly hashInit: number;
} | null;

const HASH_MODES = ['sourceip', 'sourceip-sourceport', 'sourceip-sourceport-destport'];
/** CLUSTERIP_MAX_NODES */
const MOST_NODES = 16;
const NEEDED = ['--new', '--hashmode', '--clustermac', '--total-nodes', '--local-node'];

function parse(options: OptionList): ClusteripTarget {
  if (options.given.length === 0) return null;
  const mode = options.find('--hashmode')?.args[0];
  if (mode && !HASH_MODES.includes(mode.text)) options.error(`Unknown hashmode "${mode.text}"\n`, mode);
  const word = options.find('--clustermac')?.args[0];
  const mac = word && parseMac(word.text);
  if (word && !mac) options.error('Invalid MAC address specified.', word);
  else if (mac && !(mac[0] & 1)) options.error('MAC has to be a multicast ethernet address\n', word);
  const node = (name: string): number => numberArgument(options, 'CLUSTERIP', name, 0, MOST_NODES);
  const data = {
    hashMode: mode?.text ?? HASH_MODES[0],
    mac: mac ? formatMac(mac).toUpperCase() : '',
    totalNodes: node('--total-nodes'),
    localNode: node('--local-node'),
    hashInit: numberArgument(options, 'CLUSTERIP', '--hash-init', 0),
  };
  if (!NEEDED.every((name) => options.has(name)))
    options.error('CLUSTERIP target: Invalid parameter combination\n');
  return data;
}

/** Gone from the kernel since Linux 6.2; which node of the cluster answers is decided by its hash of the connection. */
export const clusterip: TargetDefinition<ClusteripTarget, undefined> = {
  name: 'CLUSTERIP',
  versions: [4],
  options: [
    { name: '--new', args: 0 },
    ...NEEDED.slice(1).map((name) => ({ name, args: 1 }) as const),
    { name: '--hash-init', args: 1 },
  ],
  parse,
  print: (data) =>
    data
      ? `--new --hashmode ${data.hashMode} --clustermac ${data.mac} --total-nodes ${data.totalNodes} ` +
        `--local-node ${data.localNode} --hash-init ${data.hashInit}`
      : '',
  list: (data) =>
    data
      ? `CLUSTERIP hashmode=${data.hashMode} clustermac=${data.mac} total_nodes=${data.totalNodes} ` +
        `local_node=${data.localNode} hash_init=${data.hashInit}`
      : 'CLUSTERIP',
  unforeseen: true,
  writes: [],
  terminal: false,
  common: true,
  start: () => undefined,
  run(_, __, context) {
    context.note('CLUSTERIP: which node of the cluster takes the packet is not modelled');
    return Verdict.continue;
  },
};
