import type { Diagnostics } from '../../../source/diagnostic.js';
import { isObject } from './jsonText.js';

/*
 * What `nft -j list ruleset` of nft 1.0.6 leaves out, as far as what it does print tells so. Of other things it leaves out
 * nothing shows: comments of tables and chains, auto-merge, `counter` and `offload` of flowtables, parts of seconds.
 */

type JsonObject = Readonly<Record<string, unknown>>;

const LISTING = 'Give the output of nft list ruleset instead, which says it.';

/** Says what of the ruleset cannot be known. */
export function tellLosses(items: readonly unknown[], file: string, diagnostics: Diagnostics): void {
  const tell = (what: string): void => diagnostics.warning(`${file}: ${what}`, { advice: LISTING });
  for (const item of items) {
    if (!isObject(item)) continue;
    for (const [kind, o] of Object.entries(item)) {
      if (!isObject(o)) continue;
      if (kind === 'chain' && isBelowIp(o) && o.dev === undefined)
        tell(`nft -j does not tell the devices of chain ${nameOf(o)}, so that it sees no packet`);
      if ((kind === 'set' || kind === 'map') && isOfBareIntegers(o))
        tell(`nft -j does not tell of which field ${kind} ${nameOf(o)} is`);
      if (kind === 'rule' && hasTimeoutOfNothing(o.expr))
        tell(
          `nft -j tells a timeout of less than a second as 0 in chain ${String(o.table)} ${String(o.chain)}`,
        );
    }
  }
}

function nameOf({ family, table, name }: JsonObject): string {
  return [family, table, name].map((part) => (typeof part === 'string' ? part : '?')).join(' ');
}

function isBelowIp({ hook }: JsonObject): boolean {
  return hook === 'ingress' || hook === 'egress';
}

/** `typeof vlan id`: a number of any width. */
function isOfBareIntegers({ type }: JsonObject): boolean {
  return (Array.isArray(type) ? type : [type]).includes('integer');
}

/** `add @set { ip saddr timeout 300ms }`. */
function hasTimeoutOfNothing(expr: unknown): boolean {
  return (Array.isArray(expr) ? (expr as unknown[]) : []).some((statement) => {
    const update = isObject(statement) ? (statement.set ?? statement.meter) : undefined;
    const key = isObject(update) ? (update.elem ?? update.key) : undefined;
    return isObject(key) && isObject(key.elem) && key.elem.timeout === 0;
  });
}
