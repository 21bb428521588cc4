/** What a test says. `unknown` is a value: the packet, the host snapshot or the program does not tell. */
export const Outcome = {
  miss: 0,
  hit: 1,
  unknown: 2,
  /** The packet is too short for what the match must read, and is dropped on the spot (`hotdrop` of x_tables). */
  hotdrop: 3,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** What an action says: go on with the next step, or one of the verdicts of linux/netfilter.h. */
export const Verdict = {
  continue: -1,
  drop: 0,
  accept: 1,
  /** Taken over by somebody else: the packet leaves the hooks here (REJECT's offender is dropped, not stolen). */
  stolen: 2,
  queue: 3,
  /** Leave the chain (the policy, where it is a base chain). */
  return: 5,
} as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];
