import type { ObservedTime } from './entry.js';
import { levelOf, type Message, takeApart } from './line.js';
import { type ClockOptions, readWallStamp } from './stamps.js';
import { fromUlogdJson } from './ulogd.js';

/** Takes what one object of a JSON log says: journalctl -o json, dmesg -J, Docker's json-file, ulogd's JSON. */
export function readObject(value: unknown, options: ClockOptions): Message[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  const object = new Map<string, unknown>(Object.entries(value));
  const dump = object.get('dmesg');
  if (Array.isArray(dump)) return dump.flatMap((entry: unknown) => readObject(entry, options));
  if (object.has('MESSAGE')) return journalMessage(object, options);
  if (object.has('msg') && object.has('pri')) return dmesgMessage(object);
  const packet = fromUlogdJson(object, options);
  if (packet) return [packet];
  const log = object.get('log') ?? object.get('message') ?? object.get('msg');
  return typeof log === 'string' ? [wrappedMessage(object, log, options)] : [];
}

/** systemd.journal-fields(7); values are text, or arrays of bytes where they are no UTF-8. */
function journalMessage(object: Map<string, unknown>, options: ClockOptions): Message[] {
  const fields = new Map<string, string>();
  for (const [name, value] of object) {
    const text = journalText(value);
    if (text !== undefined) fields.set(name, text);
  }
  return fields.has('MESSAGE') ? [fromJournal(fields, options)] : [];
}

function journalText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (!Array.isArray(value)) return undefined;
  if (value.every((byte) => typeof byte === 'number')) return Buffer.from(value).toString('utf8');
  return journalText(value[0]);
}

/** One entry of the journal, by its fields; times are µs in decimal. */
export function fromJournal(fields: ReadonlyMap<string, string>, options: ClockOptions): Message {
  const micros = (name: string): number | undefined => {
    const text = fields.get(name);
    return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
  };
  const kernelLine = fields.get('_TRANSPORT') === 'kernel';
  const wall = micros('_SOURCE_REALTIME_TIMESTAMP') ?? micros('__REALTIME_TIMESTAMP');
  const kernel =
    micros('_SOURCE_MONOTONIC_TIMESTAMP') ?? (kernelLine ? undefined : micros('__MONOTONIC_TIMESTAMP'));
  // The message may carry the kernel's own stamp, where it came through a syslog daemon.
  const message = takeApart(fields.get('MESSAGE') ?? '', options);
  const level = Number(fields.get('PRIORITY') ?? NaN);
  const host = fields.get('_HOSTNAME') ?? message.host;
  const time: ObservedTime = {
    ...(kernel !== undefined && { kernel: { ns: kernel * 1000, resolution: 1000 } }),
    ...(wall !== undefined && { wall: { ns: BigInt(wall) * 1000n, resolution: 1000 } }),
    ...message.time,
  };
  const tag = fields.get('SYSLOG_IDENTIFIER') ?? 'kernel';
  return {
    text: tag === 'kernel' ? message.text : `${tag}: ${message.text}`,
    time,
    ...(level >= 0 && level <= 7 ? { level } : message.level !== undefined && { level: message.level }),
    ...(host !== undefined && { host }),
  };
}

/** util-linux: `pri` is the whole priority, or with -x the level's name; `time` is s since boot. */
function dmesgMessage(object: Map<string, unknown>): Message[] {
  const text = object.get('msg');
  const pri = object.get('pri');
  const seconds = object.get('time');
  if (typeof text !== 'string') return [];
  const level = typeof pri === 'number' ? pri & 7 : levelOf(String(pri).trim());
  const time: ObservedTime =
    typeof seconds === 'number' && seconds >= 0 && seconds < 1e10
      ? { kernel: { ns: Math.round(seconds * 1e6) * 1000, resolution: 1000 } }
      : {};
  return [{ text, time, ...(level !== undefined && { level }) }];
}

/** A collector's envelope around a line: its own time counts only where the line has none. */
function wrappedMessage(object: Map<string, unknown>, log: string, options: ClockOptions): Message {
  const message = takeApart(log.replace(/\r?\n$/, ''), options);
  const host = object.get('host') ?? object.get('hostname');
  const level = Number(object.get('priority') ?? object.get('PRIORITY') ?? NaN);
  return {
    ...message,
    time: { ...collectorsTime(object, options), ...kernelTime(object), ...message.time },
    ...(message.level === undefined && level >= 0 && level <= 7 && { level }),
    ...(message.host === undefined && typeof host === 'string' && { host }),
  };
}

/** Fluent Bit has a number of seconds, Vector and others an RFC 3339 stamp. */
function collectorsTime(object: Map<string, unknown>, options: ClockOptions): ObservedTime {
  const stamp =
    object.get('time') ?? object.get('@timestamp') ?? object.get('timestamp') ?? object.get('date');
  if (typeof stamp === 'string') return readWallStamp(stamp, 0, options)?.time ?? {};
  if (typeof stamp !== 'number' || !(stamp > 1e8 && stamp < 1e10)) return {};
  return { wall: { ns: BigInt(Math.round(stamp * 1e6)) * 1000n, resolution: 1000 } };
}

/** The kernel's own time: Fluent Bit's kmsg has seconds and microseconds, Vector's journald the journal's field. */
function kernelTime(object: Map<string, unknown>): ObservedTime {
  const [seconds, micros] = [object.get('sec'), object.get('usec')];
  if (typeof seconds === 'number' && typeof micros === 'number')
    return { kernel: { ns: seconds * 1e9 + micros * 1000, resolution: 1000 } };
  const journal = object.get('_SOURCE_MONOTONIC_TIMESTAMP');
  return typeof journal === 'string' && /^\d{1,16}$/.test(journal)
    ? { kernel: { ns: Number(journal) * 1000, resolution: 1000 } }
    : {};
}

/** Fluent Bit's standard output: `[0] kmsg.0: [[1795307001.123456000, {}], {"priority"=>4, "msg"=>"…"}]`, or `[1795307001.1, {…}]`. */
const PRINTED = /^\[\d+\] \S{1,200}: \[\[?(\d{9,10}\.\d{1,9}), (?:\{[^{}]{0,1000}\}\], )?(\{.*\})\]$/;
/** A name and its text or number; quotes within are escaped as in JSON. */
const PRINTED_FIELD = /"([A-Za-z_@.]{1,64})"=>(?:("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?))/g;

/** The object that Fluent Bit printed; undefined for any other line. */
export function fromFluentBit(line: string): Record<string, unknown> | undefined {
  const match = line.startsWith('[') && line.includes('"=>') ? PRINTED.exec(line.trimEnd()) : null;
  if (!match) return undefined;
  const fields = new Map<string, unknown>([['date', Number(match[1])]]);
  for (const [, name, text, number] of match[2].matchAll(PRINTED_FIELD))
    fields.set(name, text === undefined ? Number(number) : unquoted(text));
  return Object.fromEntries(fields);
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text.slice(1, -1);
  }
}
