import { isConstant } from '../../../rules/nft/constant.js';
import type { Expression, Mangle } from '../../../rules/nft/model.js';
import type { RuleContext } from '../context.js';
import { fieldsOf } from './resolve.js';

/** What `meta KEY set` can write: `nft_meta_set_init()` (net/netfilter/nft_meta.c), with `secmark` as an object. */
const META_KEYS = new Set(['mark', 'priority', 'nftrace', 'pkttype', 'secmark']);
/** What `ct KEY set` can write: `nft_ct_set_init()` (net/netfilter/nft_ct.c). */
const CT_KEYS = new Set(['mark', 'label', 'event', 'zone', 'secmark']);

/** Whether `set` may follow. */
export function isTarget(left: Expression): left is Mangle['target'] {
  return left.kind === 'payload' || left.kind === 'tcpOption' || left.kind === 'meta' || left.kind === 'ct';
}

/** What stands against writing the value to the target: the kernel's refusals, and those of nft for its type. */
export function againstMangle(
  target: Mangle['target'],
  value: Expression,
  { listed }: RuleContext,
): string | undefined {
  if (target.kind === 'meta' && !META_KEYS.has(target.key)) return `meta ${target.key} cannot be set`;
  if (target.kind === 'ct' && !CT_KEYS.has(target.key)) return `ct ${target.key} cannot be set`;
  if (target.kind === 'tcpOption' && target.bits !== 16 && target.bits !== 32)
    return 'only fields of 16 and 32 bits of a TCP option can be set';
  if (listed || isConstant(value)) return undefined;
  const [wanted] = fieldsOf(target);
  const given = fieldsOf(value).at(0);
  if (!given) return undefined;
  const other = given.type !== 'integer' && wanted.type !== 'integer' && given.type !== wanted.type;
  const isInner = value.kind === 'binary' && value.left.kind === 'inner';
  const counts = isInner || value.kind === 'numgen' || value.kind === 'hash' || value.kind === 'map';
  const narrower = given.type === 'integer' && !counts && given.bits !== wanted.bits && given.bits % 8 === 0;
  if (!other && !narrower) return undefined;
  return `datatype mismatch: expected ${wanted.type}, expression has type ${given.type} with length ${given.bits}`;
}
