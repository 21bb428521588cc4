import type { Packet } from '../../packet/packet.js';
import { requireOption } from '../arguments.js';
import { bang } from '../negatable.js';
import type { Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { outcomeOf } from '../outcomes.js';
import type { OptionList, OptionSpec } from '../options.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct xt_quota_info` (linux/netfilter/xt_quota.h). */
export interface QuotaMatch {
  /** Bytes, to 2^64 - 1; what is above 2^53 is never used up by a capture. */
  readonly quota: bigint;
  readonly negated: boolean;
}

export interface QuotaState {
  left: number;
}

const OPTIONS: readonly OptionSpec[] = [{ name: '--quota', args: 1, negatable: true }];

function parse(options: OptionList): QuotaMatch {
  const word = requireOption(options, 'quota', '--quota');
  const quota = /^(\d{1,20}|0x[0-9a-f]{1,16})$/i.test(word?.text ?? '') ? BigInt(word!.text) : undefined;
  if (word && (quota === undefined || quota >= 1n << 64n))
    options.error(refusal.outOfRange('quota', '--quota', 0, (1n << 64n) - 1n), word);
  return { quota: quota ?? 0n, negated: options.find('--quota')?.negated ?? false };
}

/** `quota_mt()` (net/netfilter/xt_quota.c): the first packet that does not fit uses up what is left. */
function test({ negated }: QuotaMatch, packet: Packet, _: Context, state: QuotaState): Outcome {
  const fits = state.left >= packet.length;
  state.left = fits ? state.left - packet.length : 0;
  return outcomeOf(fits !== negated);
}

function explain(
  { negated }: QuotaMatch,
  packet: Packet,
  _: Context,
  { left }: QuotaState,
  outcome: Outcome,
): Condition[] {
  const hit = outcome === Outcome.hit;
  const wanted = `${packet.length} bytes within the quota`;
  const saw = hit !== negated ? `${left + packet.length} bytes were left` : 'the quota is used up';
  return [condition('quota', 'count', negated, wanted, saw, hit)];
}

export const quota: MatchDefinition<QuotaMatch, QuotaState> = {
  name: 'quota',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print: (data) => `${bang(data.negated)}--quota ${data.quota}`,
  // The negation is not shown (iptables 1.8.9).
  list: (data) => `quota: ${data.quota} bytes`,
  reads: () => ['ip.length', 'count'],
  pure: false,
  common: true,
  start: (data) => ({ left: Number(data.quota) }),
  test,
  explain,
};
