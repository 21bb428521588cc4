import { Protocol } from '../../../packet/numbers.js';
import { stripTcpOptions } from '../../../packet/rewriteTcp.js';
import type { Context, CtTemplate, LogOptions, RejectKind } from '../../context.js';
import { rejectKindOf } from '../../rejectCodes.js';
import { Verdict } from '../../verdict.js';
import type {
  Log,
  Mangle,
  Queue,
  Reject,
  ResetTcpOption,
  SetElement,
  SetUpdate,
  Statement,
} from '../model.js';
import type { Field } from '../../definition.js';
import { writeCt } from './ct.js';
import { fieldOf } from './describe.js';
import { fieldsReader, type Lookup, reader } from './expression.js';
import { writeMeta } from './meta.js';
import { writeTcpOption } from './options.js';
import { protocolTest, writePayload } from './payload.js';
import { Flow, type RunningStatement, type StatementResult } from './result.js';
import { runElement } from './set.js';
import type { Read, Scalar } from './value.js';
import type { Packet } from '../../../packet/packet.js';

const DEFAULT_LEVEL = 4;
const AUDIT_LEVEL = 8;

/** `nft_log_eval()` (net/netfilter/nft_log.c): to the kernel log, or to a group of nfnetlink. */
export function log(statement: Log): RunningStatement {
  const { flags, group, level } = statement;
  if (group !== null || level === AUDIT_LEVEL) {
    if (group === null) return noted(statement, 'audit');
    return {
      statement,
      run(packet, context) {
        context.logToGroup?.(packet, group, statement.prefix ?? '', statement.snaplen);
        context.note(`nflog group ${group}`);
        return Flow.continue;
      },
    };
  }
  const options: LogOptions = {
    prefix: statement.prefix ?? '',
    level: level ?? DEFAULT_LEVEL,
    tcpSequence: flags.includes('tcp sequence'),
    tcpOptions: flags.includes('tcp options'),
    ipOptions: flags.includes('ip options'),
    uid: flags.includes('skuid'),
    macDecode: flags.includes('ether'),
  };
  return {
    statement,
    run(packet, context) {
      context.log(packet, options);
      return Flow.continue;
    },
  };
}

/** What leaves the simulation and lets the packet go on. */
function noted(statement: Statement, text: string): RunningStatement {
  return {
    statement,
    run(_, context) {
      context.note(text);
      return Flow.continue;
    },
  };
}

/** What is not modelled. */
export function unknown(statement: Statement): RunningStatement {
  return { statement, run: () => Flow.unknown };
}

/** `nft_queue_eval()`; nobody listens in the simulation: with `bypass` the next hook is asked, else the packet is lost. */
export function queue(statement: Queue): RunningStatement {
  return {
    statement,
    run(_, context) {
      context.note('queue');
      return statement.bypass ? Verdict.accept : Verdict.queue;
    },
  };
}

/** `nft_reject_icmp_code()`, `nft_reject_icmpv6_code()` (net/netfilter/nft_reject.c) by NFT_REJECT_ICMPX_*. */
const ICMPX = { 4: [0, 3, 1, 13], 6: [0, 4, 3, 1] } as const;

function rejectKind({ with: how, code }: Reject, version: 4 | 6): RejectKind | undefined {
  if (how === 'tcp reset') return 'tcp-reset';
  const own = how === 'icmpx' ? ICMPX[version][code] : code;
  return rejectKindOf(version, own);
}

/** nft asks for the protocol or IP version that the answer is of, where the rule has not done so. */
export function reject(statement: Reject): RunningStatement {
  const { with: how } = statement;
  return {
    statement,
    run(packet, context) {
      if (how === 'tcp reset' && packet.protocol !== Protocol.tcp) return Flow.break;
      if ((how === 'icmp' && packet.version !== 4) || (how === 'icmpv6' && packet.version !== 6))
        return Flow.break;
      const kind = rejectKind(statement, packet.version);
      if (!kind) return Flow.unknown;
      context.reject(packet, kind);
      return Verdict.drop;
    },
  };
}

const NOTRACK: CtTemplate = {
  notrack: true,
  zoneOriginal: null,
  zoneReply: null,
  zoneFromMark: false,
  helper: null,
  timeoutPolicy: null,
  events: null,
};

/** `nft_notrack_eval()`. */
export function notrack(statement: Statement): RunningStatement {
  return {
    statement,
    writes: ['ct.state'],
    run(packet, context) {
      context.track(packet, NOTRACK);
      return Flow.continue;
    },
  };
}

function write(target: Mangle['target'], packet: Packet, context: Context, value: Scalar): Flow {
  switch (target.kind) {
    case 'payload':
      return writePayload(target, packet, value) ? Flow.continue : Flow.break;
    case 'tcpOption':
      return writeTcpOption(target, packet, Number(value)) ? Flow.continue : Flow.break;
    case 'meta':
      if (!writeMeta(target, packet, value)) context.note(`meta ${target.key} set`);
      return Flow.continue;
    case 'ct':
      if (!writeCt(target, packet, context, value)) context.note(`ct ${target.key} set`);
      return Flow.continue;
    case 'exthdr':
      return Flow.unknown;
  }
}

function writtenField(target: Mangle['target']): Field {
  if (target.kind === 'meta' && target.key === 'priority') return 'priority';
  return fieldOf(target);
}

/** `nft_payload_set_eval()`, `nft_meta_set_eval()`, `nft_ct_set_eval()`, `nft_exthdr_tcp_set_eval()`. */
export function mangle(statement: Mangle, lookup: Lookup): RunningStatement {
  const { target } = statement;
  const read = reader(statement.value, lookup);
  const isOfProtocol = target.kind === 'payload' ? protocolTest(target) : null;
  return {
    statement,
    writes: [writtenField(target)],
    run(packet, context): StatementResult {
      if (isOfProtocol && !isOfProtocol(packet)) return Flow.break;
      const value: Read = read(packet, context);
      if (value === undefined) return Flow.break;
      if (value === null || typeof value === 'object') return Flow.unknown;
      return write(target, packet, context, value);
    },
  };
}

/** `nft_exthdr_tcp_strip_eval()`. */
export function resetTcpOption(statement: ResetTcpOption): RunningStatement {
  const kinds = new Set([statement.option.number]);
  return {
    statement,
    run(packet) {
      if (packet.protocol !== Protocol.tcp || !packet.hasTransport) return Flow.break;
      return stripTcpOptions(packet, kinds) ? Flow.continue : Verdict.drop;
    },
  };
}

/** `nft_dynset_eval()` (net/netfilter/nft_dynset.c): a set that is full ends the rule. */
export function setUpdate(statement: SetUpdate, lookup: Lookup): RunningStatement {
  const { operation, timeout, comment, statements, data } = statement;
  const set =
    statement.meterSize === undefined
      ? lookup.set({ kind: 'setReference', name: statement.set })
      : lookup.meter(statement.key, statement.meterSize);
  const read = fieldsReader(statement.key, lookup);
  const readData = data && reader(data, lookup);
  return {
    statement,
    run(packet, context) {
      const fields = read(packet, context);
      if (!fields) return fields === null ? Flow.unknown : Flow.break;
      if (!set) return Flow.unknown;
      if (operation === 'delete') {
        set.remove(fields);
        return Flow.continue;
      }
      const value = readData ? readData(packet, context) : null;
      if (value === undefined) return Flow.break;
      const make = (key: SetElement['key']): SetElement => ({
        key,
        data: value === null ? data : set.dataConstant(value),
        timeout,
        expires: null,
        comment,
        statements,
      });
      const element = set.update(fields, make, context);
      if (!element) return Flow.break;
      if (operation === 'update') set.renew(element, timeout, context.now);
      return runElement(element, packet, context);
    },
  };
}
