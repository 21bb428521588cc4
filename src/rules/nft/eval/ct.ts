import type { Packet } from '../../../packet/packet.js';
import { type Connection, CtState, CtStatus, Direction } from '../../connection.js';
import type { Context } from '../../context.js';
import type { Ct } from '../model.js';
import { addressValue, type Read, type Scalar } from './value.js';

/** NF_CT_STATE_*_BIT (linux/netfilter/nf_conntrack_common.h), by the state of the packet. */
const STATE_BITS = {
  [CtState.invalid]: 1,
  [CtState.established]: 2,
  [CtState.related]: 4,
  [CtState.new]: 8,
  [CtState.untracked]: 64,
} as const;

const NFPROTO = { 4: 2, 6: 10 } as const;

function stateBits({ connection, ctState }: Context): number {
  if (connection) return STATE_BITS[ctState];
  return ctState === CtState.untracked ? STATE_BITS[CtState.untracked] : STATE_BITS[CtState.invalid];
}

/** `nft_ct_get_eval()` (net/netfilter/nft_ct.c); a packet without a connection has nothing but a state. */
export function readCt(selector: Ct, context: Context): Read {
  // Connection tracking of bridges is not modelled (net/bridge/netfilter/nf_conntrack_bridge.c).
  if (context.family === 'bridge') return null;
  if (selector.key === 'state') return stateBits(context);
  const { connection } = context;
  if (!connection) return undefined;
  const tuple = selector.direction === 'reply' ? connection.reply : connection.original;
  switch (selector.key) {
    case 'direction':
      return context.ctDirection;
    case 'status':
      return connection.status >>> 0;
    case 'mark':
      return connection.mark >>> 0;
    case 'expiration':
      // An entry that is not confirmed has a time that does not run yet, which reads as over (`nf_ct_expires()`).
      if ((connection.status & CtStatus.confirmed) === 0) return 0;
      return Math.max(0, Math.floor((connection.expires - context.now) / 1e6));
    case 'helper':
      return connection.master?.helper ?? undefined;
    case 'label':
      return labels(connection);
    case 'zone':
      return connection.zone;
    case 'l3proto':
      return NFPROTO[tuple.version];
    case 'protocol':
      return tuple.protocol;
    case 'saddr':
    case 'daddr':
      if (selector.family !== null && (selector.family === 'ip' ? 4 : 6) !== tuple.version) return undefined;
      return addressValue(selector.key === 'saddr' ? tuple.source : tuple.destination);
    case 'proto-src':
      return tuple.sourcePort;
    case 'proto-dst':
      return tuple.destinationPort;
    case 'packets':
      return counted(connection.packets, selector);
    case 'bytes':
      return counted(connection.bytes, selector);
    case 'avgpkt': {
      const packets = counted(connection.packets, selector);
      return packets === 0 ? 0 : Math.floor(counted(connection.bytes, selector) / packets);
    }
    default:
      // id, secmark, event: nothing in the inputs tells.
      return null;
  }
}

function counted(both: readonly [number, number], { direction }: Ct): number {
  if (direction === null) return both[0] + both[1];
  return both[direction === 'reply' ? Direction.reply : Direction.original];
}

/** Label n is bit n of the whole. */
function labels({ labels: words }: Connection): bigint {
  if (!words) return 0n;
  return words.reduceRight((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
}

/** `nft_ct_set_eval()`, `nft_ct_set_zone_eval()`. False: it is not modelled. */
export function writeCt({ key, direction }: Ct, packet: Packet, context: Context, value: Scalar): boolean {
  const { connection } = context;
  if (typeof value === 'string') return false;
  switch (key) {
    case 'mark':
      if (connection && connection.mark >>> 0 !== Number(value) >>> 0) {
        connection.mark = Number(value) >>> 0;
        connection.markRule = context.rule;
      }
      return true;
    case 'label':
      if (connection) {
        const bits = BigInt(value);
        const old = connection.labels ?? [0, 0, 0, 0];
        const word = (i: number): number => old[i] | Number((bits >> BigInt(32 * i)) & 0xffffffffn);
        connection.labels = [word(0), word(1), word(2), word(3)];
      }
      return true;
    case 'zone':
      context.track(packet, {
        notrack: false,
        zoneOriginal: direction === 'reply' ? null : Number(value),
        zoneReply: direction === 'original' ? null : Number(value),
        zoneFromMark: false,
        helper: null,
        timeoutPolicy: null,
        events: null,
      });
      return true;
    case 'event':
      return true;
    default:
      return false;
  }
}
