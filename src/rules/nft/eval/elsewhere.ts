import type { IpAddress } from '../../../address/ip.js';
import { setTtl, ttlOf } from '../../../packet/rewrite.js';
import { Verdict } from '../../verdict.js';
import type { Duplicate, Expression, Forward } from '../model.js';
import { type Lookup, reader, type Reader } from './expression.js';
import { Flow, type RunningStatement } from './result.js';
import { type Read, toAddress } from './value.js';

function readerOf(expression: Expression | null, lookup: Lookup): Reader | null {
  return expression && reader(expression, lookup);
}

function toNeighbour(value: Read): IpAddress | null {
  return typeof value === 'number' || typeof value === 'bigint' ? toAddress(value) : null;
}

function isText(value: Read): value is string {
  return typeof value === 'string';
}

/** `nft_dup_ipv4_eval()`, `nft_dup_ipv6_eval()`, `nft_dup_netdev_eval()`: the packet itself goes on. */
export function duplicate(statement: Duplicate, lookup: Lookup): RunningStatement {
  const readAddress = readerOf(statement.address, lookup);
  const readDevice = readerOf(statement.device, lookup);
  return {
    statement,
    run(packet, context) {
      const address = readAddress?.(packet, context);
      const device = readDevice?.(packet, context);
      if ((readAddress && address === undefined) || (readDevice && device === undefined)) return Flow.break;
      if (address === null || device === null) return Flow.unknown;
      if (!readAddress) {
        if (isText(device)) context.copyThrough?.(device, null);
        return Flow.continue;
      }
      const gateway = toNeighbour(address);
      if (gateway) context.duplicate?.(packet, gateway, isText(device) ? device : '');
      return Flow.continue;
    },
  };
}

/** `nft_fwd_netdev_eval()`, `nft_fwd_neigh_eval()` (net/netfilter/nft_fwd_netdev.c): to a neighbour the time to live counts. */
export function forward(statement: Forward, lookup: Lookup): RunningStatement {
  const readDevice = reader(statement.device, lookup);
  const readAddress = readerOf(statement.address, lookup);
  const version = statement.family === null ? null : statement.family === 'ip' ? 4 : 6;
  return {
    statement,
    run(packet, context) {
      const device = readDevice(packet, context);
      if (device === undefined) return Flow.break;
      if (!isText(device)) return Flow.unknown;
      if (version !== null) {
        if (packet.etherType !== 0 || packet.version !== version) return Flow.break;
        if (ttlOf(packet) <= 1) return Verdict.drop;
        setTtl(packet, ttlOf(packet) - 1);
      }
      const address = readAddress?.(packet, context);
      if (address === undefined && readAddress) return Flow.break;
      context.copyThrough?.(device, toNeighbour(address));
      return Verdict.stolen;
    },
  };
}
