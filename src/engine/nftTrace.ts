import {
  type TracePlace,
  tracePacketText,
  tracePolicyText,
  traceRuleText,
} from '../frontend/nft/print/printTrace.js';
import type { Packet } from '../packet/packet.js';
import type { TraceStep } from './events.js';

/** Writes steps as `nft monitor trace` does; packets are numbered as they come, where the kernel has a hash of an address. */
export function nftTraceWriter(): (step: TraceStep) => string {
  const numbers = new WeakMap<Packet, number>();
  let last = 0;
  return ({ packet, chain, rule, verdict, isFirst }) => {
    let id = numbers.get(packet);
    if (id === undefined) numbers.set(packet, (id = ++last));
    const { table } = chain;
    const place: TracePlace = { id, family: table.family, table: table.name, chain: chain.name };
    const isLeaving = table.family === 'netdev' && packet.in === null;
    const shown = isFirst ? tracePacketText(place, packet, isLeaving) : '';
    if (rule) return `${shown}${traceRuleText(place, rule.text, verdict)}`;
    return `${shown}${tracePolicyText(place, verdict, packet.mark)}`;
  };
}
