import type { TargetDefinition } from '../definition.js';
import { Verdict } from '../verdict.js';

/** A verdict that takes no options (iptables(8), TARGETS). */
function standard(name: string, verdict: Verdict, common = false): TargetDefinition<undefined, undefined> {
  return {
    name,
    versions: [4, 6],
    options: [],
    parse: () => undefined,
    print: () => '',
    list: () => '',
    writes: [],
    terminal: true,
    common,
    start: () => undefined,
    run: () => verdict,
  };
}

export const accept = standard('ACCEPT', Verdict.accept);
export const drop = standard('DROP', Verdict.drop);
export const returnFromChain = standard('RETURN', Verdict.return);
/** Queue 0 without a bypass: as NFQUEUE, nobody listens in a replay (nf_queue() in net/netfilter/nf_queue.c). */
export const queue = standard('QUEUE', Verdict.queue, true);
