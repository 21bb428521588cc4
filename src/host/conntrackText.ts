import type { IpAddress, IpVersion } from '../address/ip.js';
import { parseAddress } from '../address/ip.js';
import { Protocol } from '../packet/numbers.js';

/** One direction of a printed entry; ports, ICMP fields and GRE keys are there where the protocol has them. */
export interface ConntrackTuple {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly icmp?: { readonly type: number; readonly code: number; readonly id: number };
  readonly keys?: { readonly source: number; readonly destination: number };
  /** `zone-orig=`, `zone-reply=`: a zone of this direction only. */
  readonly zone?: number;
  /** Only where net.netfilter.nf_conntrack_acct counts. */
  readonly packets?: number;
  readonly bytes?: number;
}

export type ConntrackEventKind = 'NEW' | 'UPDATE' | 'DESTROY';

/** A connection as conntrack(8) prints it: a line of `-L -o extended`, of `-L`, or of `-E` (`event`). */
export interface ConntrackEntry {
  readonly event?: ConntrackEventKind;
  /** Printed only with `-o extended`. */
  readonly version?: IpVersion;
  readonly protocol: number;
  /** Seconds that are left; an event may lack it. */
  readonly timeout?: number;
  /** TCP, SCTP and DCCP: the state's name; [UPDATE] events may lack it. */
  readonly state?: string;
  readonly original: ConntrackTuple;
  readonly reply: ConntrackTuple;
  readonly unreplied: boolean;
  readonly assured: boolean;
  /** A helper expected it (`IPS_EXPECTED`), which no listing shows. */
  readonly expected?: boolean;
  readonly offload?: 'OFFLOAD' | 'HW_OFFLOAD';
  /** Lists print it always, events only where it is not 0. */
  readonly mark?: number;
  readonly secmark?: number;
  readonly secctx?: string;
  readonly zone?: number;
  /** Seconds since the entry was made, where nf_conntrack_timestamp is 1. */
  readonly age?: number;
  readonly helper?: string;
  readonly use?: number;
  readonly id?: number;
  /** Label names or numbers, as connlabel.conf(5) names them. */
  readonly labels?: string;
  /** What else was printed, verbatim. */
  readonly rest?: string;
}

/** Names that libnetfilter_conntrack prints; others are `unknown` beside their number. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [Protocol.tcp, 'tcp'],
  [Protocol.udp, 'udp'],
  [Protocol.udplite, 'udplite'],
  [Protocol.icmp, 'icmp'],
  [Protocol.icmpv6, 'icmpv6'],
  [Protocol.sctp, 'sctp'],
  [Protocol.gre, 'gre'],
  [Protocol.dccp, 'dccp'],
]);
const L3 = { 4: { name: 'ipv4', number: 2 }, 6: { name: 'ipv6', number: 10 } } as const;
const EVENTS: ReadonlyMap<string, ConntrackEventKind> = new Map([
  ['[NEW]', 'NEW'],
  ['[UPDATE]', 'UPDATE'],
  ['[DESTROY]', 'DESTROY'],
]);

/** Prints an entry as conntrack(8) would, without a line end. */
export function printConntrack(entry: ConntrackEntry): string {
  let text = '';
  if (entry.event !== undefined) text += `[${entry.event}]`.padStart(9) + ' ';
  if (entry.version !== undefined) {
    const { name, number } = L3[entry.version];
    text += `${name.padEnd(8)} ${number} `;
  }
  text += `${(NAMES.get(entry.protocol) ?? 'unknown').padEnd(8)} ${entry.protocol}`;
  if (entry.timeout !== undefined) text += ` ${entry.timeout}`;
  if (entry.state !== undefined) text += ` ${entry.state}`;
  text += printTuple(entry.original, 'zone-orig');
  if (entry.unreplied) text += ' [UNREPLIED]';
  text += printTuple(entry.reply, 'zone-reply');
  if (entry.offload !== undefined) text += ` [${entry.offload}]`;
  if (entry.assured) text += ' [ASSURED]';
  for (const [key, member] of TRAILING) {
    const value = entry[member];
    if (value !== undefined) text += ` ${key}=${value}`;
  }
  if (entry.rest !== undefined) text += ` ${entry.rest}`;
  return text;
}

function printTuple(tuple: ConntrackTuple, zone: string): string {
  let text = ` src=${tuple.source.toString()} dst=${tuple.destination.toString()}`;
  if (tuple.sourcePort !== undefined)
    text += ` sport=${tuple.sourcePort} dport=${tuple.destinationPort ?? 0}`;
  if (tuple.icmp) text += ` type=${tuple.icmp.type} code=${tuple.icmp.code} id=${tuple.icmp.id}`;
  if (tuple.keys)
    text += ` srckey=0x${tuple.keys.source.toString(16)} dstkey=0x${tuple.keys.destination.toString(16)}`;
  if (tuple.zone !== undefined) text += ` ${zone}=${tuple.zone}`;
  if (tuple.packets !== undefined) text += ` packets=${tuple.packets} bytes=${tuple.bytes ?? 0}`;
  return text;
}

/** What follows the tuples, in the order in which it is printed. */
const TRAILING = [
  ['mark', 'mark'],
  ['secmark', 'secmark'],
  ['secctx', 'secctx'],
  ['zone', 'zone'],
  ['delta-time', 'age'],
  ['helper', 'helper'],
  ['use', 'use'],
  ['id', 'id'],
  ['labels', 'labels'],
] as const;

/**
 * Reads a line that conntrack(8) or /proc/net/nf_conntrack printed; undefined where it is none.
 * What is not understood behind the tuples is kept in `rest`, so that `printConntrack` gives the line back.
 */
export function parseConntrack(line: string): ConntrackEntry | undefined {
  const words = new Words(line);
  const event = EVENTS.get(words.peek());
  if (event) words.next();
  const l3 = words.peek();
  const version = l3 === 'ipv4' ? 4 : l3 === 'ipv6' ? 6 : undefined;
  if (version) {
    words.next();
    words.next();
  }
  words.next();
  const protocol = number(words.next(), 255);
  if (protocol === undefined) return undefined;
  const timeout = number(words.peek());
  if (timeout !== undefined) words.next();
  const state = /^[A-Z][A-Z_0-9]*$/.test(words.peek()) ? words.next() : undefined;
  const original = parseTuple(words, 'zone-orig');
  const unreplied = words.take('[UNREPLIED]');
  const reply = parseTuple(words, 'zone-reply');
  if (!original || !reply) return undefined;
  // /proc/net/nf_conntrack has the mark of an unreplied entry behind the first tuple, as conntrack(8) has.
  const offload = words.take('[OFFLOAD]') ? 'OFFLOAD' : words.take('[HW_OFFLOAD]') ? 'HW_OFFLOAD' : undefined;
  const assured = words.take('[ASSURED]');
  const entry: Mutable<ConntrackEntry> = { protocol, original, reply, unreplied, assured };
  if (event) entry.event = event;
  if (version) entry.version = version;
  if (timeout !== undefined) entry.timeout = timeout;
  if (state !== undefined) entry.state = state;
  if (offload) entry.offload = offload;
  for (const [key, member] of TRAILING) {
    const value = words.value(key);
    if (value === undefined) continue;
    if (member === 'secctx' || member === 'helper' || member === 'labels') entry[member] = value;
    else {
      const n = number(value);
      if (n === undefined) break;
      entry[member] = n;
    }
    words.next();
  }
  const rest = words.rest();
  if (rest !== '') entry.rest = rest;
  return entry;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function parseTuple(words: Words, zoneKey: string): ConntrackTuple | undefined {
  const source = parseAddress(words.takeValue('src') ?? '');
  const destination = parseAddress(words.takeValue('dst') ?? '');
  if (!source || !destination || source.version !== destination.version) return undefined;
  const tuple: Mutable<ConntrackTuple> = { source, destination };
  const sourcePort = number(words.value('sport'), 0xffff);
  if (sourcePort !== undefined) {
    words.next();
    tuple.sourcePort = sourcePort;
    tuple.destinationPort = number(words.takeValue('dport'), 0xffff) ?? 0;
  }
  const type = number(words.value('type'), 255);
  if (type !== undefined) {
    words.next();
    const code = number(words.takeValue('code'), 255) ?? 0;
    tuple.icmp = { type, code, id: number(words.takeValue('id'), 0xffff) ?? 0 };
  }
  const key = hexadecimal(words.value('srckey'));
  if (key !== undefined) {
    words.next();
    tuple.keys = { source: key, destination: hexadecimal(words.takeValue('dstkey')) ?? 0 };
  }
  const zone = number(words.value(zoneKey), 0xffff);
  if (zone !== undefined) {
    words.next();
    tuple.zone = zone;
  }
  const packets = number(words.value('packets'));
  if (packets !== undefined) {
    words.next();
    tuple.packets = packets;
    tuple.bytes = number(words.takeValue('bytes')) ?? 0;
  }
  return tuple;
}

function number(text: string | undefined, most = Number.MAX_SAFE_INTEGER): number | undefined {
  if (text === undefined || !/^(0|[1-9]\d{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return value <= most ? value : undefined;
}

function hexadecimal(text: string | undefined): number | undefined {
  return text !== undefined && /^0x(0|[1-9a-f][0-9a-f]{0,7})$/.test(text) ? parseInt(text, 16) : undefined;
}

/** A line word by word. */
class Words {
  private readonly starts: number[] = [];
  private readonly words: string[] = [];
  private at = 0;

  constructor(private readonly line: string) {
    for (const match of line.matchAll(/\S+/g)) {
      this.starts.push(match.index);
      this.words.push(match[0]);
    }
  }

  peek(): string {
    return this.words[this.at] ?? '';
  }

  next(): string {
    return this.words[this.at++] ?? '';
  }

  /** Goes past `word` where it comes next. */
  take(word: string): boolean {
    if (this.peek() !== word) return false;
    this.at++;
    return true;
  }

  /** The value of `key=value` where that comes next. */
  value(key: string): string | undefined {
    const word = this.peek();
    return word.startsWith(key) && word[key.length] === '=' ? word.slice(key.length + 1) : undefined;
  }

  takeValue(key: string): string | undefined {
    const value = this.value(key);
    if (value !== undefined) this.at++;
    return value;
  }

  /** Everything from the next word on, as written. */
  rest(): string {
    return this.at < this.starts.length ? this.line.slice(this.starts[this.at]).trimEnd() : '';
  }
}
