import type { Verdict } from '../../../rules/verdict.js';
import type { Tuple } from '../../../rules/connection.js';
import type { Passage } from '../../passage.js';
import type { ConnectionEntry } from '../entry.js';
import type { Expectation } from '../expectations.js';

/** How a connection that comes is translated as its master is: `exp->dir`, `exp->saved_proto`. */
export type Follow = NonNullable<Expectation['follow']>;

/** A connection that is to come: its source port is open. */
export interface Wanted {
  readonly tuple: Tuple;
  /** It may come from anywhere. */
  readonly anySource?: boolean;
  readonly follow?: Follow | null;
}

/** What a helper can do beside reading. */
export interface HelperHost {
  /**
   * A connection is to come: `nf_ct_expect_related()`.
   * @returns false where another one waits for the same, or there are too many
   */
  expect(wanted: Wanted): boolean;
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
  /** A connection between these two may come, and nobody can tell. */
  mayCome(reason: string): void;
}

/** Reads the payload of a protocol that tells of connections to come: `struct nf_conntrack_helper`. */
export interface Helper {
  readonly name: string;
  readonly protocol: number;
  /** How many connections it waits for at most of each of its own (`max_expected`). */
  readonly most: number;
  /** How long, seconds. */
  readonly seconds: number;
  /** Drop: the packet goes no further. */
  help(passage: Passage, entry: ConnectionEntry, host: HelperHost): Verdict;
}
