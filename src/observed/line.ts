import type { ObservedTime } from './entry.js';
import { type ClockOptions, readKernelStamp, readWallStamp } from './stamps.js';
import { fromPveFirewall } from './pveFirewall.js';
import type { TraceStep } from './trace.js';
import { fromLogemu } from './ulogd.js';

/** A log line taken apart. */
export interface Message {
  readonly text: string;
  readonly time: ObservedTime;
  readonly level?: number;
  readonly host?: string;
  readonly by?: 'ulogd';
  readonly trace?: TraceStep;
}

const LEVELS: ReadonlyMap<string, number> = new Map([
  ['emerg', 0],
  ['panic', 0],
  ['alert', 1],
  ['crit', 2],
  ['err', 3],
  ['error', 3],
  ['warn', 4],
  ['warning', 4],
  ['notice', 5],
  ['info', 6],
  ['debug', 7],
]);

/** syslog severity of its name; undefined where the name is none. */
export function levelOf(name: string): number | undefined {
  return LEVELS.get(name);
}

/** <PRI> of RFC 3164 and dmesg -r; RFC 5424 has a version behind it. */
const PRIORITY = /<(\d{1,3})>(1 )?/y;
/** dmesg -x: `kern  :warn  : `. */
const DECODED = /[a-z0-9]{2,8} *:([a-z]{3,7}) *: ?/y;
/** HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA, RFC 5424 section 6. */
const SYSLOG_HEADER =
  /(\S{1,255}) \S{1,48} \S{1,128} \S{1,32} (?:-|(?:\[(?:[^\]\\]|\\.)*\])+)(?: \ufeff?|$)/y;
/** Host, facility.level (busybox, OpenWrt) and tag before a kernel message. */
const KERNEL_TAG =
  /(?:(?!kernel[:[ ]|kern\.)([^\s=]{1,255}) )?(?:kern\.([a-z]{3,7}) )?kernel(?:\[\d+\])?(?:: | - )/y;
/** The host before a line of another program, whose tag is part of the text, and before a kernel line without one. */
const HOST = /([^\s=:[\]]{1,255}) (?:(?:kern|user|daemon|syslog)\.([a-z]{3,7}) )?/y;
/** /dev/kmsg and extended netconsole: `[release,]level,sequence,µs,flags[,more];text`. */
const KMSG = /(?:\d+\.\d+[^,;\s]*,)?(\d{1,4}),\d+,(\d{1,16}),[-c+](?:,[^;]*)?;/y;

/** Kubernetes' CRI log: the stream, and F for the whole or last part of a line. */
const CRI = /(?:stdout|stderr) [FP](?: |$)/y;
/** dmesg --color=always: SGR sequences (ECMA-48). */
const COLORS = /\x1b\[[0-9;]*m/g;

const OPEN = 0x5b;
const CLOSE = 0x5d;
const SPACE = 0x20;
const POINT = 0x2e;
const ZERO = 0x30;

/** Digits of the seconds at most: with more they are likely those since 1970. */
const MOST_SECONDS = 8;

/**
 * What `takeApart` makes of a line as dmesg prints it, `[ 4075.248816] text`, in a fifth of the time: large logs are of such
 * lines. undefined for all that is, or may be, of another form.
 */
export function fromDmesg(line: string): Message | undefined {
  if (line.charCodeAt(0) !== OPEN) return undefined;
  let at = 1;
  while (line.charCodeAt(at) === SPACE) at++;
  const first = at;
  let seconds = 0;
  for (let digit = line.charCodeAt(at) - ZERO; digit >= 0 && digit <= 9; digit = line.charCodeAt(++at) - ZERO)
    seconds = seconds * 10 + digit;
  if (at === first || at > first + MOST_SECONDS || line.charCodeAt(at) !== POINT) return undefined;
  const point = at++;
  let behind = 0;
  for (let digit = line.charCodeAt(at) - ZERO; digit >= 0 && digit <= 9; digit = line.charCodeAt(++at) - ZERO)
    behind = behind * 10 + digit;
  const digits = at - point - 1;
  if (digits === 0 || digits > 9 || line.charCodeAt(at) !== CLOSE || line.charCodeAt(at + 1) === OPEN)
    return undefined;
  if (OTHERWISE.some((sign) => line.includes(sign, at))) return undefined;
  const resolution = 10 ** (9 - digits);
  const kernel = { ns: seconds * 1e9 + behind * resolution, resolution };
  const from = line.charCodeAt(at + 1) === SPACE ? at + 2 : at + 1;
  return { text: line.slice(from), time: { kernel } };
}

/** Behind dmesg's stamp: a syslog tag, colors, fluent-bit, ulogd. */
const OTHERWISE = ['kernel', '\x1b', '"=>', 'oob.'];

/**
 * Takes stamps, host and tag off a line of dmesg, journalctl (the one-line forms), syslog in RFC 3164, RFC 5424 and
 * their local varieties, netconsole: whatever stands there, in the order it can stand. Several stamps add up.
 */
export function takeApart(whole: string, options: ClockOptions): Message {
  const line = whole.includes('\x1b[') ? whole.replace(COLORS, '') : whole;
  const proxmox = fromPveFirewall(line, options);
  if (proxmox) return proxmox;
  let at = line.charCodeAt(0) === 0xfeff ? 1 : 0;
  let time: ObservedTime = {};
  let level: number | undefined;
  let host: string | undefined;
  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(line) ?? undefined;
    if (found) at += found[0].length;
    return found;
  };
  const kernelStamp = (): boolean => {
    const stamp = time.kernel ? undefined : readKernelStamp(line, at);
    if (!stamp) return false;
    time = { ...time, ...stamp.time };
    at = stamp.end;
    return true;
  };

  const priority = match(PRIORITY);
  if (priority) level = Number(priority[1]) & 7;
  const kmsg = match(KMSG);
  if (kmsg) {
    level = Number(kmsg[1]) & 7;
    time = { kernel: { ns: Number(kmsg[2]) * 1000, resolution: 1000 } };
  }
  const decoded = match(DECODED);
  if (decoded && levelOf(decoded[1]) !== undefined) level = levelOf(decoded[1]);
  else if (decoded) at -= decoded[0].length;

  const wall = readWallStamp(line, at, options);
  if (wall) {
    time = { ...time, ...wall.time };
    at = wall.end;
  }
  if (wall && match(CRI)) {
    const inner = takeApart(line.slice(at), options);
    return { ...inner, time: { ...time, ...inner.time } };
  }
  const begun = kernelStamp();
  if (priority?.[2] !== undefined) {
    const header = match(SYSLOG_HEADER);
    if (header && header[1] !== '-') host = header[1];
    // RSYSLOG_SyslogProtocol23Format writes %msg% with the space that stood behind the tag.
    if (header && line[at] === ' ') at++;
  }
  if (wall || begun || priority) {
    const tag =
      match(KERNEL_TAG) ?? (wall && wall.writer !== 'dmesg' && host === undefined ? match(HOST) : undefined);
    if (tag?.[1] !== undefined) host = tag[1];
    if (tag?.[2] !== undefined) level ??= levelOf(tag[2]);
    kernelStamp();
  }
  const raw = at === 0 ? line : line.slice(at);
  const written = kmsg ? unescapeKmsg(raw) : wall && wall.writer !== 'dmesg' ? unescapeSyslog(raw) : raw;
  const emulated = wall && time.kernel === undefined ? fromLogemu(written) : undefined;
  return {
    text: emulated ?? written,
    time,
    ...(level !== undefined && { level }),
    ...(host !== undefined && { host }),
    ...(emulated !== undefined && { by: 'ulogd' }),
  };
}

/** Records of /dev/kmsg and extended netconsole have what is not printable, and backslashes, as `\\x5c`. */
function unescapeKmsg(text: string): string {
  if (!text.includes('\\x')) return text;
  const bytes = text.replace(/[^\\]+|\\x([0-9a-f]{2})|\\/g, (part, hex?: string) =>
    hex === undefined ? Buffer.from(part).toString('latin1') : String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** rsyslog writes control characters as `#` and three octal digits ($EscapeControlCharactersOnReceive). */
function unescapeSyslog(text: string): string {
  if (!text.includes('#0')) return text;
  return text
    .replace(/#012$/, '')
    .replace(/#(0[0-3][0-7])/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}
