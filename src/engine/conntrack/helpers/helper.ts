import type { Device } from '../../../packet/device.js';
import type { Verdict } from '../../../rules/verdict.js';
import { CtStatus, type Direction, type Tuple } from '../../../rules/connection.js';
import type { Passage } from '../../passage.js';
import type { ConnectionEntry } from '../entry.js';
import type { Expectation, Expectations, Expected, ExpectPolicy } from '../expectations.js';
import type { GreKeys } from '../greKeys.js';

/** A connection that is to come; where nothing else is said its source port is open, and it is of the helper's only class. */
export interface Wanted extends Partial<Omit<Expectation, 'master' | 'tuple' | 'expires'>> {
  readonly tuple: Tuple;
  /** It may come from anywhere. */
  readonly anySource?: boolean;
  /** Another connection may wait for the same (`NF_CT_EXP_F_SKIP_MASTER`). */
  readonly shared?: boolean;
}

/** What a helper can do of a connection. */
export interface EntryHost {
  /** ns since capture start. */
  readonly now: number;
  /** Those of all connections. */
  readonly expectations: Expectations;
  readonly greKeys: GreKeys;
  /** Ends the connection of this tuple, which is in the zone of the helper's one. False: there is none. */
  end(tuple: Tuple): boolean;
}

/** The same and what it can do of the packet that it reads. */
export interface HelperHost extends EntryHost {
  /**
   * A connection is to come: `nf_ct_expect_related()`.
   * @returns false where another one waits for the same, or there are too many
   */
  expect(wanted: Wanted): boolean;
  /** The same, and says why not. */
  tryTo(wanted: Wanted): Expected;
  /**
   * The same at a port that nobody waits for yet, the one of the tuple if it can be: `nf_nat_exp_find_port()`.
   * @param readPort finds the port in the packet as it was seen to leave, which tells what the kernel drew
   * @returns the port, 0 where none was found
   */
  expectAtFreePort(wanted: Wanted, readPort: (payload: Uint8Array) => number | null): number;
  /**
   * Other text in the place of some of the payload, of which the packet's connection takes note where that changes lengths:
   * `nf_nat_mangle_tcp_packet()`, `nf_nat_mangle_udp_packet()`. The packet was captured whole.
   * @param from where it begins, from the network header on
   * @param to where it ends
   * @returns false where the packet would become too long
   */
  mangle(from: number, to: number, text: string): boolean;
  /** The payload, empty where there is none; null: it was not captured whole, and connections may come that nobody can foresee. */
  payload(): Uint8Array | null;
  /** A connection between these two may come, and nobody can tell. */
  mayCome(reason: string): void;
  /** The packet is to be dropped, and the kernel's log says why: `nf_ct_helper_log()`. */
  refuse(reason: string): Verdict;
  /** The network, as a mask, whose broadcast address through this device the packet goes to; 0: none. */
  broadcastMask(device: Device): number;
}

/** What a sender said in the place of what a helper has written. */
export interface Said {
  /** Where that stands in the payload. */
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Reads the payload of a protocol that tells of connections to come: `struct nf_conntrack_helper`. */
export interface Helper extends ExpectPolicy {
  readonly name: string;
  readonly protocol: number;
  /** Drop: the packet goes no further. */
  help(passage: Passage, entry: ConnectionEntry, host: HelperHost): Verdict;
  /**
   * What the sender of this payload said, as far as the helper has written it anew.
   * @param sequence of TCP, as its sender counts
   */
  undo?(payload: Uint8Array, sequence: number, entry: ConnectionEntry, direction: Direction): Said | null;
  /** The connection is over: `destroy`. */
  ended?(entry: ConnectionEntry, host: EntryHost): void;
}

/** The connection lasts so long from now on: `nf_ct_refresh()`. */
export function lastFor(entry: ConnectionEntry, now: number, seconds: number): void {
  if (!entry.has(CtStatus.fixedTimeout)) entry.expires = now + seconds * 1e9;
}
