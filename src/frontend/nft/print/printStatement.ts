import type { Family } from '../../../rules/model.js';
import type {
  Counter,
  Expression,
  Log,
  Mangle,
  Match,
  Nat,
  NftObject,
  ObjectReference,
  Queue,
  Quota,
  QuotaValues,
  Rate,
  Reject,
  SetUpdate,
  Statement,
  SynProxyValues,
} from '../../../rules/nft/model.js';
import { DATA_TYPES } from '../../../rules/nft/types.js';
import { printConstant } from '../read/constants.js';
import { isFlagComparison } from '../read/matching.js';
import { isOfTunnel, optionsText, printExpression, showingFor, showsHexadecimal } from './printExpression.js';
import { isBitmask, symbolName } from '../symbols.js';
import { formatTime } from '../time.js';
import { LOG_FLAG_ORDER, LOG_LEVELS } from '../vocabulary.js';

/** What stands in statements and objects and changes while packets pass. */
export interface StatementValues {
  counter(of: Counter | (NftObject & { kind: 'counter' })): {
    readonly packets: number;
    readonly bytes: number;
  };
  /** Bytes used of a quota. */
  quotaUsed(of: Quota | (NftObject & { kind: 'quota' })): number;
  /** Milliseconds since a `last` saw a packet; null: never. */
  lastUsed(of: Statement & { kind: 'last' }): number | null;
  /** The rules of a chain without a name, in braces; undefined: it has one. */
  block?(chain: string): string | undefined;
}

/** One statement as nft 1.0.6 lists it in a table of the family. */
export function printStatement(statement: Statement, family: Family, values: StatementValues): string {
  const self = (s: Statement): string => printStatement(s, family, values);
  const show = (e: Expression): string => printExpression(e, self);
  switch (statement.kind) {
    case 'match':
      return printMatch(statement, self);
    case 'counter': {
      const { packets, bytes } = values.counter(statement);
      return `counter packets ${packets} bytes ${bytes}`;
    }
    case 'limit':
      return `limit ${rateText(statement)}`;
    case 'quota':
      return `quota ${quotaText(statement, values.quotaUsed(statement))}`;
    case 'connlimit':
      return `ct count ${statement.over ? 'over ' : ''}${statement.count}`;
    case 'last': {
      const used = values.lastUsed(statement);
      return `last used ${used === null ? 'never' : formatTime(used)}`;
    }
    case 'objref':
      return printReference(statement, show);
    case 'log':
      return printLog(statement);
    case 'verdict': {
      const { verdict } = statement;
      const block = 'chain' in verdict ? values.block?.(verdict.chain) : undefined;
      return block === undefined ? printConstant({ kind: 'verdict', verdict }) : `${verdict.kind} ${block}`;
    }
    case 'vmap':
      return `${show(statement.key)} vmap ${printExpression(statement.map, self, showingFor(statement.key))}`;
    case 'queue':
      return printQueue(statement, show);
    case 'reject':
      return printReject(statement, family);
    case 'nat':
      return printNat(statement, show);
    case 'mangle': {
      const byte = bytesOfWord(statement);
      if (byte !== undefined) return byte;
      const showing = { hexadecimal: showsHexadecimal(statement.target), joiner: joinerOf(statement.target) };
      return `${show(statement.target)} set ${printExpression(statement.value, self, showing)}`;
    }
    case 'resetTcpOption':
      return `reset tcp option ${statement.option.name}`;
    case 'notrack':
      return 'notrack';
    case 'dup': {
      const parts = [statement.address ? ` ${show(statement.address)}` : ''];
      if (statement.device)
        parts.push(statement.address ? ` device ${show(statement.device)}` : ` ${show(statement.device)}`);
      return `dup to${parts.join('')}`;
    }
    case 'fwd':
      return statement.address
        ? `fwd ${statement.family ?? 'ip'} to ${show(statement.address)} device ${show(statement.device)}`
        : `fwd to ${show(statement.device)}`;
    case 'tproxy': {
      const family6 = statement.family === null ? '' : `${statement.family} `;
      const address = statement.address ? addressText(statement.address, true, show) : '';
      return `tproxy ${family6}to ${address}${statement.port ? `:${show(statement.port)}` : ''}`;
    }
    case 'synproxy':
      return `synproxy${synProxyText(statement)}`;
    case 'flowAdd':
      return `flow add @${statement.flowtable}`;
    case 'setUpdate':
      return printSetUpdate(statement, self, show);
    case 'unknown':
      return statement.text;
  }
}

/**
 * A byte of a header with a checksum is written with its word, which nft lists as the port that would stand there in
 * other headers.
 */
function bytesOfWord({ target, value }: Mangle): string | undefined {
  if (target.kind !== 'payload' || target.bits !== 8 || value.kind !== 'integer') return undefined;
  if (!['icmp', 'icmpv6', 'igmp'].includes(target.protocol ?? '') || target.offset >= 16) return undefined;
  const shift = target.offset === 0 ? 8 : 0;
  const word = value.value << shift;
  return `th sport set th sport & ${(0xffff & ~(0xff << shift)) | word} | ${word}`;
}

/** `ct event set new,related` lists flags, `tcp flags set syn | ack` adds them. */
function joinerOf(target: Expression): ',' | ' | ' {
  return target.kind === 'ct' && target.key === 'event' ? ',' : ' | ';
}

function printMatch(match: Match, statements: (s: Statement) => string): string {
  const { left, operator, right } = match;
  const isNumber = right.kind === 'integer' && (operator === '==' || operator === '!=');
  const hexadecimal = showsHexadecimal(left) || (isOfTunnel(left) && !isNumber);
  if (isFlagComparison(match) && left.kind === 'binary') {
    const flags = (e: Expression): string => printExpression(e, statements, { joiner: ',' });
    return `${flags(left.left)} ${operator === '!=' ? '!= ' : ''}${flags(right)} / ${flags(left.right)}`;
  }
  const shown = printExpression(left, statements, { hexadecimal });
  if (operator === '&') return `${shown} ${printExpression(right, statements, { joiner: ',', hexadecimal })}`;
  if (operator === '!&')
    return `${shown} ! ${printExpression(right, statements, { joiner: ',', hexadecimal })}`;
  const several =
    right.kind === 'integer' &&
    isBitmask(right.type) &&
    symbolName(right.type, right.value) === undefined &&
    right.value !== 0;
  // Several flags compared as a whole: of TCP as a number, of conntrack joined and without `==`.
  const joiner = several && left.kind === 'payload' ? null : ' | ';
  const showing = left.kind === 'concat' ? showingFor(left) : { hexadecimal };
  const value = printExpression(right, statements, { ...showing, joiner });
  if (operator !== '==') return `${shown} ${operator} ${value}`;
  return `${shown} ${writesEquals(left, right, several) ? '== ' : ''}${value}`;
}

function writesEquals(left: Expression, right: Expression, several: boolean): boolean {
  if (left.kind === 'binary') return !(hasInterval(right) && isHostOrder(left));
  if (right.kind !== 'integer' || !isBitmask(right.type)) return false;
  return !several || left.kind === 'payload';
}

function hasInterval(right: Expression): boolean {
  return right.kind === 'set'
    ? right.elements.some((e) => hasInterval(e.key))
    : right.kind === 'range' || right.kind === 'prefix';
}

/**
 * What is brought into network order to be compared with an interval (`byteorder_conversion()`, src/evaluate.c): it is no
 * longer an operation then, before whose value nft writes `==` (`must_print_eq_op()`, src/expression.c).
 */
function isHostOrder(left: Expression): boolean {
  if (left.kind === 'binary') return isHostOrder(left.left);
  if (left.kind !== 'meta' && left.kind !== 'ct') return false;
  return left.bits > 8 && (left.type === 'integer' || DATA_TYPES[left.type].order === 'host');
}

const MEGA = 1024 * 1024;

/** The largest unit that divides a number of bytes. */
function byteText(bytes: number): string {
  if (bytes !== 0 && bytes % MEGA === 0) return `${bytes / MEGA} mbytes`;
  if (bytes !== 0 && bytes % 1024 === 0) return `${bytes / 1024} kbytes`;
  return `${bytes} bytes`;
}

export function rateText(rate: Rate): string {
  const over = rate.over ? 'over ' : '';
  if (rate.of === 'packets')
    return `rate ${over}${rate.rate}/${rate.per}${rate.burst === 5 || rate.burst === 0 ? '' : ` burst ${rate.burst} packets`}`;
  return `rate ${over}${byteText(rate.rate)}/${rate.per}${rate.burst === 0 ? '' : ` burst ${byteText(rate.burst)}`}`;
}

export function quotaText(quota: QuotaValues, used: number): string {
  return `${quota.over ? 'over ' : ''}${byteText(quota.bytes)}${used === 0 ? '' : ` used ${byteText(used)}`}`;
}

export function synProxyText(values: SynProxyValues): string {
  const mss = values.mss === null ? '' : ` mss ${values.mss}`;
  const wscale = values.wscale === null ? '' : ` wscale ${values.wscale}`;
  return `${mss}${wscale}${values.timestamp ? ' timestamp' : ''}${values.sackPerm ? ' sack-perm' : ''}`;
}

function printReference(reference: ObjectReference, show: (e: Expression) => string): string {
  const name = typeof reference.name === 'string' ? `"${reference.name}"` : show(reference.name);
  switch (reference.object) {
    case 'ct helper':
    case 'ct timeout':
    case 'ct expectation':
      return `${reference.object} set ${name}`;
    case 'secmark':
      return `meta secmark set ${name}`;
    default:
      return `${reference.object} name ${name}`;
  }
}

function printLog(log: Log): string {
  let text = 'log';
  if (log.prefix !== null) text += ` prefix "${log.prefix}"`;
  if (log.group !== null) text += ` group ${log.group}`;
  if (log.snaplen !== null) text += ` snaplen ${log.snaplen}`;
  if (log.queueThreshold !== null) text += ` queue-threshold ${log.queueThreshold}`;
  if (log.level !== null) text += ` level ${LOG_LEVELS[log.level]}`;
  if (log.flags.length === LOG_FLAG_ORDER.length) return `${text} flags all`;
  const has = (flag: Log['flags'][number]): boolean => log.flags.includes(flag);
  if (has('tcp sequence')) text += ` flags tcp sequence${has('tcp options') ? ',options' : ''}`;
  else if (has('tcp options')) text += ' flags tcp options';
  for (const flag of ['ip options', 'skuid', 'ether'] as const) if (has(flag)) text += ` flags ${flag}`;
  return text;
}

function printQueue(queue: Queue, show: (e: Expression) => string): string {
  const flags = [queue.bypass ? 'bypass' : '', queue.fanout ? 'fanout' : '']
    .filter((f) => f !== '')
    .join(',');
  return `queue${flags === '' ? '' : ` flags ${flags}`} to ${show(queue.to)}`;
}

/** The one that is meant when nothing is said: port unreachable in the table's own family. */
function printReject(reject: Reject, family: Family): string {
  if (reject.with === 'tcp reset') return 'reject with tcp reset';
  const plain =
    family === 'ip'
      ? reject.with === 'icmp' && reject.code === 3
      : family === 'ip6'
        ? reject.with === 'icmpv6' && reject.code === 4
        : reject.with === 'icmpx' && reject.code === 1;
  if (plain) return 'reject';
  const type = reject.with === 'icmp' ? 'icmp_code' : reject.with === 'icmpv6' ? 'icmpv6_code' : 'icmpx_code';
  return `reject with ${reject.with} ${symbolName(type, reject.code) ?? reject.code}`;
}

function printNat(nat: Nat, show: (e: Expression) => string): string {
  let text: string = nat.nat;
  if (nat.family !== null) text += ` ${nat.family}`;
  if (nat.prefix) text += ' prefix';
  if (nat.address || nat.port) text += ' to ';
  if (nat.address) text += addressText(nat.address, nat.port !== null, show);
  if (nat.port) text += `:${show(nat.port)}`;
  return nat.flags.length === 0 ? text : `${text} ${nat.flags.join(',')}`;
}

/** IPv6 addresses before a port are in brackets. */
function addressText(address: Expression, withPort: boolean, show: (e: Expression) => string): string {
  const is6 = (e: Expression): boolean => e.kind === 'address' && e.address.version === 6;
  if (!withPort) return show(address);
  if (is6(address)) return `[${show(address)}]`;
  if (address.kind === 'range' && is6(address.from)) return `[${show(address.from)}]-[${show(address.to)}]`;
  return show(address);
}

function printSetUpdate(
  update: SetUpdate,
  statements: (s: Statement) => string,
  show: (e: Expression) => string,
): string {
  let text = show(update.key) + optionsText(update);
  for (const statement of update.statements) text += ` ${statements(statement)}`;
  if (update.data) text += ` : ${show(update.data)}`;
  const of =
    update.meterSize === undefined
      ? `${update.operation} @${update.set}`
      : `meter ${update.set} size ${update.meterSize}`;
  return `${of} { ${withoutZeroCounters(text, update)} }`;
}

/** `add @set { ip saddr counter }` shows no numbers: what counts are the elements' own. */
function withoutZeroCounters(text: string, update: SetUpdate): string {
  return update.statements.some((s) => s.kind === 'counter')
    ? text.replace(/counter packets 0 bytes 0/g, 'counter')
    : text;
}
