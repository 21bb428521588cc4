import type { Packet } from '../../../packet/packet.js';
import type { Context } from '../../context.js';
import type { Condition, Field } from '../../definition.js';
import type { Verdict } from '../../verdict.js';
import type { Statement } from '../model.js';

/** How the rule goes on after a statement that gives no verdict (`enum nft_verdicts`). */
export const Flow = {
  /** With the next statement. */
  continue: -1,
  /** With the next rule. */
  break: -2,
  /** With the next rule, and nobody can tell whether that is right. */
  unknown: -3,
} as const;
export type Flow = (typeof Flow)[keyof typeof Flow];

/** A jump or goto; `chain` is what `Jumps` gave, the engine's own. */
export interface Jump {
  readonly chain: object;
  readonly goto: boolean;
}

export type StatementResult = Verdict | Flow | Jump;

/** Makes the jump to a chain of the table; null where the table has no such chain. */
export type Jumps = (chain: string, goto: boolean) => Jump | null;

/** A statement of a rule with what it remembers between packets. */
export interface RunningStatement {
  readonly statement: Statement;
  /** The fields that it may change. */
  readonly writes?: readonly Field[];
  readonly run: (packet: Packet, context: Context) => StatementResult;
  /** What a test wanted and saw, right after `run` gave `result`; nothing for what is no test. */
  explain?(packet: Packet, context: Context, result: StatementResult): readonly Condition[];
  /** As it would be listed now, with its counts. @param now ns since capture start */
  readonly listed?: (now: number) => Statement;
  /** Of a set's element: it has nothing left to count, so that the set lets the element go (`nft_rhash_gc()`). */
  readonly idle?: () => boolean;
}
