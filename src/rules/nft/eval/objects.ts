import { CtStatus } from '../../connection.js';
import type { ExpectedPort, TimeoutPolicy } from '../../context.js';
import { Verdict } from '../../verdict.js';
import type { NftObject } from '../model.js';
import { Flow, type RunningStatement } from './result.js';
import { synproxy } from './socket.js';

export type StatementRun = RunningStatement['run'];

/** What referring to an object does to the packet and its connection; those that count are `Stateful`. */
export function assignment(object: NftObject): StatementRun {
  switch (object.kind) {
    case 'ct helper':
      return assignHelper(object);
    case 'ct timeout':
      return assignTimeouts(object);
    case 'ct expectation':
      return expect(object);
    case 'synproxy':
      return synproxy(object);
    default:
      return (_, context) => {
        context.note(`${object.kind} ${object.name}`);
        return Flow.continue;
      };
  }
}

/** `nft_ct_helper_obj_eval()` (net/netfilter/nft_ct.c): only a connection that is about to be made gets a helper. */
function assignHelper({ helper, protocol, l3proto }: NftObject & { kind: 'ct helper' }): StatementRun {
  const version = l3proto === 'inet' ? null : l3proto === 'ip' ? 4 : 6;
  return (_, context) => {
    const { connection } = context;
    if (!connection || connection.status & (CtStatus.confirmed | CtStatus.helper)) return Flow.continue;
    const { original } = connection;
    if (original.protocol !== protocol || (version !== null && version !== original.version))
      return Flow.continue;
    connection.helper = helper;
    connection.status |= CtStatus.helper;
    context.helperAssigned?.(helper);
    return Flow.continue;
  };
}

/** `nft_ct_timeout_obj_eval()`: of whatever IP version. */
function assignTimeouts({ protocol, policy }: NftObject & { kind: 'ct timeout' }): StatementRun {
  const timeouts: TimeoutPolicy = { protocol, states: policy };
  return (_, context) => {
    context.setTimeouts?.(timeouts);
    return Flow.continue;
  };
}

/** `nft_ct_expect_obj_eval()`: nft gives milliseconds, which Linux 6.18 takes for seconds. */
function expect({ protocol, dport, timeout, size }: NftObject & { kind: 'ct expectation' }): StatementRun {
  const wanted: ExpectedPort = { protocol, port: dport, seconds: timeout, most: size };
  return (_, context) => {
    if (!context.expect) return Flow.unknown;
    const made = context.expect(wanted);
    if (made === null) return Flow.break;
    return made ? Flow.continue : Verdict.drop;
  };
}
