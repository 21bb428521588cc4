import type { Word } from '../../rules/options.js';

/** Why a command failed: ipset's own words, and the word it is about. */
export interface IpsetProblem {
  readonly message: string;
  readonly at: Word | null;
}

/** The words after an element or a type, taken one by one. */
export function take(words: readonly Word[]): {
  next(): Word | undefined;
  argument(of: Word): Word | IpsetProblem;
} {
  let at = 0;
  return {
    next: () => words[at++],
    argument: (of) =>
      words[at++] ?? { message: `Missing mandatory argument of option \`${of.text}'`, at: of },
  };
}
