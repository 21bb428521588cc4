import type { Verdict } from '../../../rules/verdict.js';
import type { Tuple } from '../../../rules/connection.js';
import type { Passage } from '../../passage.js';
import type { ConnectionEntry } from '../entry.js';
import type { Expectation } from '../expectations.js';

/** How a connection that comes is translated as its master is: `exp->dir`, `exp->saved_proto`. */
export type Follow = NonNullable<Expectation['follow']>;

/** What a helper can do beside reading. */
export interface HelperHost {
  /**
   * A connection is to come: `nf_ct_expect_related()`. There is one at most of each connection, the last one.
   * @param tuple its source port is open
   * @returns false where another connection waits for the same
   */
  expect(tuple: Tuple, follow: Follow | null): boolean;
  /** A connection between these two may come, and nobody can tell. */
  mayCome(reason: string): void;
}

/** Reads the payload of a protocol that tells of connections to come: `struct nf_conntrack_helper`. */
export interface Helper {
  readonly name: string;
  readonly protocol: number;
  /** Drop: the packet goes no further. */
  help(passage: Passage, entry: ConnectionEntry, host: HelperHost): Verdict;
}
