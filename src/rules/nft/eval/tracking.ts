import type { Expression, NftTable, Statement } from '../model.js';

/** Statements that switch connection tracking on for their family when a rule uses them (`nf_ct_netns_get()`). */
const TRACKING = new Set<Statement['kind']>(['connlimit', 'synproxy', 'flowAdd']);

function readsConnection(expression: Expression | null): boolean {
  if (!expression) return false;
  switch (expression.kind) {
    case 'ct':
      return true;
    case 'binary':
      return readsConnection(expression.left) || readsConnection(expression.right);
    case 'concat':
      return expression.parts.some(readsConnection);
    case 'map':
      return readsConnection(expression.key);
    case 'hash':
      return readsConnection(expression.expression);
    default:
      return false;
  }
}

/** Objects that switch it on by being there, used or not. */
const TRACKING_OBJECTS = new Set(['ct helper', 'ct timeout', 'ct expectation', 'synproxy']);

/** Whether a table needs connection tracking by its objects and sets; of its rules each statement tells. */
export function tableNeedsTracking({ objects, sets }: NftTable, family: 'ip' | 'ip6'): boolean {
  return (
    [...objects.values()].some(({ kind }) => TRACKING_OBJECTS.has(kind)) ||
    [...sets.values()].some(({ statements }) => statements.some((s) => needsTracking(s, family)))
  );
}

/**
 * Whether loading the statement switches connection tracking on for a version of IP; `notrack` alone does not, and
 * `dnat ip to` does it for IPv4 only (`nft_nat_init()`, net/netfilter/nft_nat.c).
 */
export function needsTracking(statement: Statement, family: 'ip' | 'ip6'): boolean {
  if (statement.kind === 'nat') return (statement.family ?? family) === family;
  if (TRACKING.has(statement.kind)) return true;
  switch (statement.kind) {
    case 'match':
      return readsConnection(statement.left) || readsConnection(statement.right);
    case 'vmap':
      return readsConnection(statement.key);
    case 'mangle':
      return statement.target.kind === 'ct' || readsConnection(statement.value);
    case 'objref':
      return (
        statement.object.startsWith('ct ') ||
        statement.object === 'synproxy' ||
        (typeof statement.name !== 'string' && readsConnection(statement.name.key))
      );
    case 'setUpdate':
      return (
        readsConnection(statement.key) ||
        readsConnection(statement.data) ||
        statement.statements.some((s) => needsTracking(s, family))
      );
    case 'queue':
      return readsConnection(statement.to);
    default:
      return false;
  }
}
