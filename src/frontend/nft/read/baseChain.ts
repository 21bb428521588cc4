import { Priority } from '../../../rules/hook.js';
import type { Family } from '../../../rules/model.js';
import type { NftBaseChain, NftHook } from '../../../rules/nft/model.js';
import { readDevices, readPriority } from './objects.js';
import type { TokenStream } from './stream.js';

const OF_IP: readonly NftHook[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
const OF_DEVICES: readonly NftHook[] = ['ingress', 'egress'];
const HOOKS: readonly NftHook[] = [...OF_IP, ...OF_DEVICES];

/** Where each family has chains of type filter (`nft_chain_filter_*`, net/netfilter/nft_chain_filter.c). */
const FILTER_HOOKS: Record<Family, readonly NftHook[]> = {
  ip: OF_IP,
  ip6: OF_IP,
  inet: [...OF_IP, 'ingress'],
  arp: ['input', 'output'],
  bridge: OF_IP,
  netdev: OF_DEVICES,
};

/** Where IP has the others (net/netfilter/nft_chain_nat.c, nft_chain_route.c). */
const OTHER_HOOKS: Record<'nat' | 'route', readonly NftHook[]> = {
  nat: ['prerouting', 'input', 'output', 'postrouting'],
  route: ['output'],
};

function hooksOf(type: NftBaseChain['type'], family: Family): readonly NftHook[] {
  if (type === 'filter') return FILTER_HOOKS[family];
  return family === 'ip' || family === 'ip6' || family === 'inet' ? OTHER_HOOKS[type] : [];
}

/** `type filter hook input [device "x"] priority 0`. */
export function readBase(stream: TokenStream, family: Family, policy: 'accept' | 'drop'): NftBaseChain {
  const start = stream.peek();
  stream.expectWord('type');
  const type = stream.expectWord('filter', 'nat', 'route');
  stream.expectWord('hook');
  const where = stream.peek();
  const hook = stream.expectWord(...HOOKS);
  // What was listed the kernel has taken.
  if (!hooksOf(type, family).includes(hook) && !stream.listed)
    stream.refuse(`the kernel has no chains of type ${type} at ${hook} in tables of family ${family}`, where);
  let devices: string[] = [];
  if (stream.takeWord('device')) devices = [stream.expectName('an interface')];
  else if (stream.takeWord('devices')) {
    stream.expectSign('=');
    devices = readDevices(stream);
  }
  if (OF_DEVICES.includes(hook) && devices.length === 0 && !stream.listed)
    stream.refuse("Missing `device' in this chain definition", start);
  stream.expectWord('priority');
  const at = stream.peek();
  const priority = readPriority(stream, family, hook);
  // `nft_chain_parse_hook()` (net/netfilter/nf_tables_api.c).
  if (type === 'nat' && priority <= Priority.conntrack)
    stream.refuse(
      `the kernel takes nat chains only behind conntrack: their priority must be above ${Priority.conntrack}`,
      at,
    );
  return { type, hook, priority, devices, policy };
}
