import { SPELLING, versionOf, type LogRecord, type MacLog, type PacketLog, type Token } from './record.js';

/** NF_LOG_PREFIXLEN of include/net/netfilter/nf_log.h, without the closing 0: no prefix is longer. */
const LONGEST_PREFIX = 127;

/** Interface names have no space, slash or colon and at most 15 bytes: `dev_valid_name()` (net/core/dev.c). */
const HEAD = /IN=([^\s=/:]{0,15}) OUT=([^\s=/:]{0,15})(?= |$)/g;
/** The same for names with `=` in them, tried where HEAD finds nothing. */
const ODD_HEAD = /IN=([^\s/:]{0,15}) OUT=([^\s/:]{0,15})(?= |$)/g;
const IN_ONLY = /IN=([^\s=/:]{0,15})(?= |$)/g;
/** What the kernel writes behind the interfaces. */
const BODY = / (?:(?:PHYSIN|PHYSOUT|MAC|MACSRC|SRC)=|ARP |TRUNCATED)/y;
/** A line that ends in the interfaces. */
const CUT = / ?$| O(?:U(?:T(?:=[^\s=/:]{0,15})?)?)?$/y;

/**
 * Reads a LOG line; null where the text is none. `emit` of the result is the text again, to the byte, whatever
 * was cut or added: what is not understood goes to `rest`.
 * @param text the message, without level and time stamp
 */
export function parse(text: string): LogRecord | null {
  const head = headOf(text);
  return head ? parseBody(text, head) : null;
}

/** Where the interfaces of a LOG line end; -1 where `parse` finds none in the text. */
export function headEnd(text: string): number {
  return headOf(text)?.end ?? -1;
}

function headOf(text: string): Head | undefined {
  if (!text.includes('IN=')) return undefined;
  return findHead(text, HEAD) ?? findHead(text, ODD_HEAD) ?? findInOnly(text);
}

interface Head {
  readonly at: number;
  readonly end: number;
  readonly in: string;
  readonly out: string | undefined;
}

/**
 * A prefix may hold `IN=… OUT=…` itself, and another line may follow on the same one: the first head that a
 * packet follows is the kernel's, or else the last that a prefix is short enough for.
 */
function findHead(text: string, pattern: RegExp): Head | undefined {
  let found: Head | undefined;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    if (found && match.index > LONGEST_PREFIX) break;
    const end = match.index + match[0].length;
    found = { at: match.index, end, in: match[1], out: match[2] };
    BODY.lastIndex = end;
    if (BODY.test(text)) break;
  }
  return found;
}

/** Lines without OUT=: only believed where the packet follows, or where the line is cut and IN= begins a word. */
function findInOnly(text: string): Head | undefined {
  for (const match of text.matchAll(IN_ONLY)) {
    const end = match.index + match[0].length;
    BODY.lastIndex = CUT.lastIndex = end;
    const believed = BODY.test(text)
      ? !text.startsWith('PHYS', match.index - 4)
      : !/[A-Za-z]/.test(text.charAt(match.index - 1)) && CUT.test(text);
    if (believed) return { at: match.index, end, in: match[1], out: undefined };
  }
  return undefined;
}

const PHYS_IN = /PHYSIN=(\S*) /y;
const PHYS_OUT = /PHYSOUT=(\S*) /y;
const RAW_MAC = /MAC=([0-9a-f:]*) (?:TUNNEL=(\S*) )?/y;
const DECODED_MAC =
  /MACSRC=([0-9a-f:]{17}) MACDST=([0-9a-f:]{17}) (?:VPROTO=([0-9a-f]{4}) VID=(0|[1-9]\d{0,4}) )?MACPROTO=([0-9a-f]{4}) /y;

function parseBody(text: string, head: Head): LogRecord {
  // Every word is read with its space; a missing last one is lent, and remembered in `bare`.
  const lent = !text.endsWith(' ') || text.length === head.end;
  const line = lent ? `${text} ` : text;
  let at = head.end + 1;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(line);
    if (match) at += match[0].length;
    return match;
  };
  const physIn = take(PHYS_IN)?.[1];
  const physOut = take(PHYS_OUT)?.[1];
  const mac = readMac(take);
  const words = readWords(line, at, false);
  const restEnd = lent ? line.length - 1 : line.length;
  const record: Writable<LogRecord> = { prefix: text.slice(0, head.at), in: head.in, out: head.out };
  if (physIn !== undefined) record.physIn = physIn;
  if (physOut !== undefined) record.physOut = physOut;
  if (mac) record.mac = mac;
  takeTail(words.tokens, record);
  if (words.tokens.length > 0) record.packet = packetOf(words);
  if (words.end < restEnd) record.rest = line.slice(words.end, restEnd);
  if (lent && words.end === line.length) record.bare = true;
  return record;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function readMac(take: (pattern: RegExp) => RegExpExecArray | null): MacLog | undefined {
  const raw = take(RAW_MAC);
  if (raw) return { kind: 'raw', text: raw[1], ...(raw[2] !== undefined && { tunnel: raw[2] }) };
  const decoded = take(DECODED_MAC);
  if (!decoded) return undefined;
  const [, source, destination, tag, id, protocol] = decoded;
  return {
    kind: 'decoded',
    source,
    destination,
    ...(tag !== undefined && { vlan: { protocol: tag, id: Number(id) } }),
    protocol,
  };
}

interface Words {
  readonly tokens: Token[];
  readonly inner: PacketLog | undefined;
  /** Where the first word that is not understood begins. */
  readonly end: number;
  /** For an inner packet: the bracket was closed (`end` is behind it and its space), and with no space before it. */
  readonly closed: boolean;
  readonly bare: boolean;
}

const SPECIAL =
  /(?:(OPT) (\((?:[0-9A-F]+|TRUNCATED)\))|(OPT \(|\))|(INCOMPLETE) (\[\d{1,10} bytes\])|(FRAG):(\d{1,5}|TRUNCATED)|(ID):([0-9a-f]{8})|(Unknown Ext Hdr) (\d{1,3}))(?=[ \]])/y;
/** A name of capital letters is a flag only if it is the kernel's; IN= and OUT= begin another line. */
const WORD =
  /(?:(?!(?:IN|OUT)=)([A-Za-z][A-Za-z0-9_]*)=([^\s\]]*)|(CE|DF|MF|AE|CWR|ECE|URG|ACK|PSH|RST|SYN|FIN|AH|ESP|ARP|INCOMPLETE|TRUNCATED))(?=[ \]])/y;

function readWords(line: string, start: number, inside: boolean): Words {
  const tokens: Token[] = [];
  let inner: PacketLog | undefined;
  let at = start;
  const done = (closed: boolean, bare: boolean, end: number): Words => ({ tokens, inner, end, closed, bare });
  for (;;) {
    if (inside && line.startsWith('] ', at)) return done(true, false, at + 2);
    if (!inside && !inner && line[at] === '[') {
      const words = readWords(line, at + 1, true);
      if (!words.closed) return done(false, false, at);
      inner = packetOf(words);
      tokens.push(['[', null]);
      at = words.end;
      continue;
    }
    const token = readToken(line, at);
    if (!token) return done(false, false, at);
    const end = at + token.length;
    if (line[end] === ']') {
      if (!inside || line[end + 1] !== ' ') return done(false, false, at);
      tokens.push(token.token);
      return done(true, true, end + 2);
    }
    tokens.push(token.token);
    at = end + 1;
  }
}

function readToken(line: string, at: number): { token: Token; length: number } | undefined {
  SPECIAL.lastIndex = WORD.lastIndex = at;
  const special = SPECIAL.exec(line);
  if (special) {
    const [text, opt, options, bracket, incomplete, bytes, frag, offset, id, value, unknown, header] =
      special;
    const name = opt ?? bracket ?? incomplete ?? frag ?? (id && 'FRAG ID') ?? unknown;
    return { token: [name, options ?? bytes ?? offset ?? value ?? header ?? null], length: text.length };
  }
  const word = WORD.exec(line);
  if (!word || SPELLING.has(word[1])) return undefined;
  return { token: word[3] === undefined ? [word[1], word[2]] : [word[3], null], length: word[0].length };
}

function packetOf(words: Words): PacketLog {
  const packet: Writable<PacketLog> = { version: versionOf(words.tokens), tokens: words.tokens };
  if (words.inner) packet.inner = words.inner;
  if (words.bare) packet.bare = true;
  return packet;
}

const NUMBER = /^(?:0|[1-9]\d{0,9})$/;
const MARK = /^0x[1-9a-f][0-9a-f]{0,7}$/;

/** Takes `UID= GID= MARK=` off the end, where they stand as the kernel prints them. */
function takeTail(tokens: Token[], record: Writable<LogRecord>): void {
  const last = (name: string, form: RegExp): string | undefined => {
    const token = tokens.at(-1);
    if (token?.[0] !== name || token[1] === null || !form.test(token[1])) return undefined;
    tokens.pop();
    return token[1];
  };
  const mark = last('MARK', MARK);
  if (mark !== undefined) record.mark = parseInt(mark, 16);
  const gid = last('GID', NUMBER);
  if (gid !== undefined) record.gid = Number(gid);
  const uid = last('UID', NUMBER);
  if (uid !== undefined) record.uid = Number(uid);
}
