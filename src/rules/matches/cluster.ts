import { u8 } from '../../packet/bytes.js';
import { Ipv4 } from '../../packet/ipv4.js';
import { Ipv6 } from '../../packet/ipv6.js';
import { PacketType } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import { negatableNumber, numberArgument, oneOf, requireOption } from '../arguments.js';
import type { Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { hex } from '../integers.js';
import { jhash2, littleEndian, reciprocalScale } from '../jhash.js';
import { bang } from '../negatable.js';
import type { OptionList, OptionSpec } from '../options.js';
import { outcomeOf } from '../outcomes.js';
import { Outcome } from '../verdict.js';

/** `struct xt_cluster_match_info` (linux/netfilter/xt_cluster.h). */
export interface ClusterMatch {
  readonly nodes: number;
  /** Bit n: node n + 1 is this one. */
  readonly nodeMask: number;
  readonly seed: number;
  readonly negated: boolean;
}

/** XT_CLUSTER_NODES_MAX */
const MAX_NODES = 32;

const OPTIONS: readonly OptionSpec[] = [
  { name: '--cluster-total-nodes', args: 1 },
  { name: '--cluster-local-node', args: 1, negatable: true },
  { name: '--cluster-local-nodemask', args: 1, negatable: true },
  { name: '--cluster-hash-seed', args: 1 },
];

function parse(options: OptionList): ClusterMatch {
  const given = oneOf(options, 'cluster', ['--cluster-local-node', '--cluster-local-nodemask']);
  if (!given) options.error("cluster match: `--cluster-local-node' or`--cluster-local-nodemask' is missing");
  requireOption(options, 'cluster', '--cluster-total-nodes');
  requireOption(options, 'cluster', '--cluster-hash-seed');
  const nodes = numberArgument(options, 'cluster', '--cluster-total-nodes', 1, MAX_NODES);
  const node = negatableNumber(options, 'cluster', '--cluster-local-node', MAX_NODES);
  const mask = negatableNumber(options, 'cluster', '--cluster-local-nodemask');
  if (node && (node.value < 1 || node.value > nodes))
    options.error(`node ${node.value} is none of the ${nodes}`, given?.args[0]);
  const nodeMask = node ? (1 << (node.value - 1)) >>> 0 : (mask?.value ?? 1);
  if (nodes < 1 || nodeMask >= 2 ** nodes || nodeMask === 0)
    options.error(`the node mask names none, or more, of the ${nodes} nodes`, given?.args[0]);
  return {
    nodes: Math.max(1, nodes),
    nodeMask,
    seed: numberArgument(options, 'cluster', '--cluster-hash-seed', 0),
    negated: given?.negated ?? false,
  };
}

/**
 * `xt_cluster_hash()`: from the source of the first packet of the connection, or of its master's. Of an IPv6 address
 * the kernel hashes the first word only (NF_CT_TUPLE_L3SIZE counts words, and is divided by their size once more).
 */
function nodeOf(data: ClusterMatch, context: Context): number | null {
  const { connection } = context;
  if (!connection) return null;
  const { original } = connection.master ?? connection;
  return reciprocalScale(jhash2([littleEndian(original.s0)], data.seed), data.nodes);
}

/** Multicast that came as such is from here on taken as addressed to this host (`xt_cluster_mt()`). */
function adopt(packet: Packet): void {
  if (packet.packetType !== PacketType.multicast) return;
  const multicast =
    packet.version === 4
      ? u8(packet.data, Ipv4.destination) >>> 4 === 14
      : u8(packet.data, Ipv6.destination) === 0xff;
  if (multicast) packet.packetType = PacketType.host;
}

/** `xt_cluster_mt()` (net/netfilter/xt_cluster.c). */
function test(data: ClusterMatch, packet: Packet, context: Context): Outcome {
  adopt(packet);
  const node = nodeOf(data, context);
  return outcomeOf(node !== null && (((data.nodeMask >>> node) & 1) === 1) !== data.negated);
}

function explain(
  data: ClusterMatch,
  _: Packet,
  context: Context,
  __: undefined,
  outcome: Outcome,
): Condition[] {
  const node = nodeOf(data, context);
  const wanted = `a node of ${hex(data.nodeMask, 8)} out of ${data.nodes}`;
  const first = context.connection?.master ?? context.connection;
  const saw =
    node === null || !first
      ? 'no connection'
      : `node ${node + 1} (begun by ${first.original.source.toString()})`;
  return [condition('cluster', 'ct.tuple', data.negated, wanted, saw, outcome === Outcome.hit)];
}

export const cluster: MatchDefinition<ClusterMatch, undefined> = {
  name: 'cluster',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print: (data) =>
    `${bang(data.negated)}--cluster-local-nodemask ${hex(data.nodeMask, 8)} ` +
    `--cluster-total-nodes ${data.nodes} --cluster-hash-seed ${hex(data.seed, 8)}`,
  list: (data) =>
    `cluster ${data.negated ? '!' : ''}node_mask=${hex(data.nodeMask, 8)} total_nodes=${data.nodes} hash_seed=${hex(data.seed, 8)}`,
  reads: () => ['ct.tuple', 'packetType'],
  pure: false,
  common: false,
  tracks: true,
  start: () => undefined,
  test,
  explain,
};
