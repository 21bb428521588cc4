import { IpAddress, type IpVersion } from '../address/ip.js';
import type { Rule } from './model.js';

/**
 * One direction's identity of a connection (`struct nf_conntrack_tuple`). Addresses are four signed words,
 * as in IpAddress. For ICMP `sourcePort` holds the id and `destinationPort` type * 256 + code; for GRE the keys;
 * for protocols without ports both are 0.
 */
export class Tuple {
  version: IpVersion = 4;
  protocol = 0;
  s0 = 0;
  s1 = 0;
  s2 = 0;
  s3 = 0;
  d0 = 0;
  d1 = 0;
  d2 = 0;
  d3 = 0;
  sourcePort = 0;
  destinationPort = 0;

  copy(): Tuple {
    const tuple = new Tuple();
    tuple.take(this);
    return tuple;
  }

  /** Becomes the same as another one. */
  take(other: Tuple): void {
    this.version = other.version;
    this.protocol = other.protocol;
    this.s0 = other.s0;
    this.s1 = other.s1;
    this.s2 = other.s2;
    this.s3 = other.s3;
    this.d0 = other.d0;
    this.d1 = other.d1;
    this.d2 = other.d2;
    this.d3 = other.d3;
    this.sourcePort = other.sourcePort;
    this.destinationPort = other.destinationPort;
  }

  equals(o: Tuple): boolean {
    return (
      this.d0 === o.d0 &&
      this.s0 === o.s0 &&
      this.destinationPort === o.destinationPort &&
      this.sourcePort === o.sourcePort &&
      this.protocol === o.protocol &&
      this.version === o.version &&
      this.d1 === o.d1 &&
      this.d2 === o.d2 &&
      this.d3 === o.d3 &&
      this.s1 === o.s1 &&
      this.s2 === o.s2 &&
      this.s3 === o.s3
    );
  }

  get source(): IpAddress {
    return new IpAddress(this.version, this.s0, this.s1, this.s2, this.s3);
  }

  set source(a: IpAddress) {
    this.s0 = a.a;
    this.s1 = a.b;
    this.s2 = a.c;
    this.s3 = a.d;
  }

  get destination(): IpAddress {
    return new IpAddress(this.version, this.d0, this.d1, this.d2, this.d3);
  }

  set destination(a: IpAddress) {
    this.d0 = a.a;
    this.d1 = a.b;
    this.d2 = a.c;
    this.d3 = a.d;
  }
}

export const Direction = { original: 0, reply: 1 } as const;
export type Direction = (typeof Direction)[keyof typeof Direction];

export function opposite(direction: Direction): Direction {
  return direction === Direction.original ? Direction.reply : Direction.original;
}

/** `enum ip_conntrack_info` without the direction: what -m conntrack calls the state of the packet. */
export const CtState = { invalid: 0, established: 1, related: 2, new: 3, untracked: 4 } as const;
export type CtState = (typeof CtState)[keyof typeof CtState];

/** IPS_* bits of linux/netfilter/nf_conntrack_common.h. */
export const CtStatus = {
  expected: 1 << 0,
  seenReply: 1 << 1,
  assured: 1 << 2,
  confirmed: 1 << 3,
  srcNat: 1 << 4,
  dstNat: 1 << 5,
  seqAdjust: 1 << 6,
  srcNatDone: 1 << 7,
  dstNatDone: 1 << 8,
  dying: 1 << 9,
  fixedTimeout: 1 << 10,
  template: 1 << 11,
  helper: 1 << 13,
} as const;

/** What rules can see of a conntrack entry; the engine owns the rest. */
export interface Connection {
  readonly id: number;
  original: Tuple;
  reply: Tuple;
  status: number;
  mark: number;
  /** 128 label bits as four words. */
  labels: [number, number, number, number] | null;
  zone: number;
  helper: string | null;
  /** Packets and bytes by direction; counted only where net.netfilter.nf_conntrack_acct is 1. */
  readonly packets: [number, number];
  readonly bytes: [number, number];
  /** ns since capture start. */
  expires: number;
  master: Connection | null;
  /** The rules that chose the NAT, for explanations. */
  sourceRule: Rule | null;
  destinationRule: Rule | null;
  markRule: Rule | null;
}
