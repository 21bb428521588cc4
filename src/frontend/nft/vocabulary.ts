import type { LogFlag, Reject } from '../../rules/nft/model.js';
import type { RuleContext } from './context.js';

/** By number; 4, warn, is the default and never printed. */
export const LOG_LEVELS: readonly string[] = [
  'emerg',
  'alert',
  'crit',
  'err',
  'warn',
  'notice',
  'info',
  'debug',
  'audit',
];

/** As printed (`log_stmt_print()`, src/statement.c). */
export const LOG_FLAG_ORDER: readonly LogFlag[] = [
  'tcp sequence',
  'tcp options',
  'ip options',
  'skuid',
  'ether',
];

/**
 * What `reject` alone means here: port unreachable, of the packets' own family. Where a rule of an inet table knows that
 * family, nft makes it that family's and lists it so (`stmt_evaluate_reject_inet()`, src/evaluate.c); only icmpx is
 * listed as `reject` alone.
 */
export function rejection(context: RuleContext): Reject {
  const family = context.listed && context.family === 'inet' ? null : context.addressFamily();
  if (family === 'ip') return { kind: 'reject', with: 'icmp', code: 3 };
  if (family === 'ip6') return { kind: 'reject', with: 'icmpv6', code: 4 };
  return { kind: 'reject', with: 'icmpx', code: 1 };
}

/** What the statement is refused with that stands for an iptables extension. */
export const EXTENSION = 'an iptables extension that nft cannot show';
