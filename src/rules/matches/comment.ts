import type { MatchDefinition } from '../definition.js';
import { saveString } from '../quoting.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct xt_comment_info` (linux/netfilter/xt_comment.h). */
export interface CommentMatch {
  readonly text: string;
}

/** XT_MAX_COMMENT_LEN without the 0 at the end, bytes: iptables cuts off what is longer. */
const MAX_LENGTH = 255;

function cut(text: string): string {
  const bytes = new TextEncoder().encode(text);
  // `stream` leaves out a character of which only some bytes are left.
  return bytes.length <= MAX_LENGTH
    ? text
    : new TextDecoder().decode(bytes.subarray(0, MAX_LENGTH), { stream: true });
}

/** Always hits: `comment_mt()` (net/netfilter/xt_comment.c). */
export const comment: MatchDefinition<CommentMatch, undefined> = {
  name: 'comment',
  versions: [4, 6],
  options: [{ name: '--comment', args: 1 }],
  parse(options) {
    const given = options.find('--comment');
    if (!given) options.error(refusal.missing('comment', '--comment'));
    return { text: cut(given?.args[0].text ?? '') };
  },
  print: ({ text }) => `--comment ${saveString(text)}`,
  list: ({ text }) => `/* ${text} */`,
  wants: () => [],
  reads: () => [],
  pure: true,
  common: false,
  start: () => undefined,
  test: () => Outcome.hit,
  explain: () => [],
};
