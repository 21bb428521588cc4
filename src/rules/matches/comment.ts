import type { MatchDefinition } from '../definition.js';
import { saveString } from '../quoting.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct xt_comment_info` (linux/netfilter/xt_comment.h). */
export interface CommentMatch {
  readonly text: string;
}

/** Always hits: `comment_mt()` (net/netfilter/xt_comment.c). */
export const comment: MatchDefinition<CommentMatch, undefined> = {
  name: 'comment',
  versions: [4, 6],
  options: [{ name: '--comment', args: 1 }],
  parse(options) {
    const given = options.find('--comment');
    if (!given) options.error(refusal.missing('comment', '--comment'));
    return { text: given?.args[0].text ?? '' };
  },
  print: ({ text }) => `--comment ${saveString(text)}`,
  list: ({ text }) => `/* ${text} */`,
  reads: () => [],
  pure: true,
  start: () => undefined,
  test: () => Outcome.hit,
  explain: () => [],
};
