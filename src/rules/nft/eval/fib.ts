import { addressOf, type Side } from '../../../packet/addresses.js';
import { i32, u8 } from '../../../packet/bytes.js';
import type { Device } from '../../../packet/device.js';
import { Ipv4 } from '../../../packet/ipv4.js';
import { Ipv6 } from '../../../packet/ipv6.js';
import type { Packet } from '../../../packet/packet.js';
import { Tcp } from '../../../packet/transport.js';
import { AddressType, type Context } from '../../context.js';
import { Hook } from '../../hook.js';
import type { Fib, Route } from '../model.js';
import { addressValue, type Read } from './value.js';

/** RTN_* (linux/rtnetlink.h): the number of the one type that counts most, as `nft_fib6_eval_type()` asks. */
function typeNumber(bits: number): number {
  const { unreachable, local, anycast, multicast } = AddressType;
  for (const bit of [unreachable, local, anycast, multicast]) if (bits & bit) return 31 - Math.clz32(bit);
  return bits === 0 ? 0 : 31 - Math.clz32(bits);
}

function sideOf({ flags }: Fib): Side {
  return flags.includes('saddr') ? 'source' : 'destination';
}

function deviceOf({ flags }: Fib, packet: Packet): Device | null {
  if (flags.includes('iif')) return packet.in;
  return flags.includes('oif') ? packet.out : null;
}

/** net/ipv4/netfilter/nft_fib_ipv4.c, net/ipv6/netfilter/nft_fib_ipv6.c. */
export function readFib(fib: Fib, packet: Packet, context: Context): Read {
  const device = deviceOf(fib, packet);
  if (fib.result === 'type') {
    const bits = context.routes.addressType(addressOf(packet, sideOf(fib)), device);
    return typeNumber(bits);
  }
  const found = outgoing(fib, packet, context, device);
  if (fib.present) return found ? 1 : 0;
  return found?.name ?? '';
}

function outgoing(fib: Fib, packet: Packet, context: Context, device: Device | null): Device | null {
  // `nft_fib_can_skip()` (include/net/netfilter/nft_fib.h).
  if ((context.hook === Hook.prerouting || context.hook === Hook.input) && packet.in?.isLoopback)
    return packet.in;
  if (packet.version === 4 && u8(packet.data, Ipv4.source) === 0) {
    const destination = i32(packet.data, Ipv4.destination);
    if (destination === -1 || (destination & 0xffffff00) >>> 0 === 0xe0000000) return packet.in;
  }
  const back = !fib.flags.includes('daddr');
  return context.routes.egress(packet, sideOf(fib), {
    device,
    mark: fib.flags.includes('mark') ? packet.mark : 0,
    // A forwarded packet's answer comes in where the packet goes out.
    input: back && context.hook === Hook.forward && fib.flags.includes('iif') ? packet.out : null,
  });
}

/** The least MSS that TCP may be told of (TCP_MSS_DEFAULT). */
const DEFAULT_MSS = 536;

/** `nft_rt_get_eval()` (net/netfilter/nft_rt.c): a packet that is not routed yet has no route to tell of. */
export function readRoute({ key, family }: Route, packet: Packet, context: Context): Read {
  if (context.hook === Hook.prerouting) return undefined;
  switch (key) {
    case 'mtu': {
      const mtu = context.routes.pathMtu(packet);
      if (mtu === undefined) return null;
      const headers = (packet.version === 4 ? Ipv4.minimumLength : Ipv6.length) + Tcp.minimumLength;
      return mtu <= headers || mtu > 0xffff ? DEFAULT_MSS : mtu - headers;
    }
    case 'ipsec':
      return 0;
    case 'nexthop': {
      if (family !== null && packet.version !== (family === 'ip' ? 4 : 6)) return undefined;
      const next = context.routes.nextHop(packet);
      return next ? addressValue(next) : null;
    }
    default:
      return null;
  }
}
