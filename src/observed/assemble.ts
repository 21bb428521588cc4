import type { Diagnostics } from '../source/diagnostic.js';
import { fromDmesg, type Message, takeApart } from './line.js';
import type { Line } from './lines.js';
import { mayMatter } from './loss.js';
import { type ClockOptions, readWallStamp } from './stamps.js';
import { fromFluentBit, fromJournal, readObject } from './structured.js';
import { readTrace } from './trace.js';
import { fromGprint, fromOprint } from './ulogd.js';
import { fromUlogdXml } from './ulogdXml.js';

/** A message and the line where it begins. */
export interface Placed {
  readonly message: Message;
  readonly line: number;
  /** journald's name of the boot. */
  readonly bootId?: string;
}

/** No entry is remembered beyond this many UTF-16 units. */
const LONGEST_ENTRY = 1 << 20;

/** Fields of an entry that are kept: systemd.journal-fields(7). */
const KEPT = new Set([
  'MESSAGE',
  'PRIORITY',
  'SYSLOG_IDENTIFIER',
  '_HOSTNAME',
  '_TRANSPORT',
  '_BOOT_ID',
  '_SOURCE_MONOTONIC_TIMESTAMP',
  '_SOURCE_REALTIME_TIMESTAMP',
  '__MONOTONIC_TIMESTAMP',
  '__REALTIME_TIMESTAMP',
]);

const EXPORT_FIELD = /^([A-Z_][A-Z0-9_]{0,63})(?:=(.*))?$/;
const VERBOSE_FIELD = /^ {4,}([A-Z_][A-Z0-9_]{0,63})=(.*)$/;
/** `Sun 2026-11-22 01:23:21.123456 UTC [s=…;i=…;b=…;m=…;t=…;x=…]`: the cursor is in hexadecimal. */
const VERBOSE_HEAD =
  /^(\S.{10,60}) \[s=[0-9a-f]+;i=[0-9a-f]+;b=([0-9a-f]+);m=[0-9a-f]+;t=[0-9a-f]+;x=[0-9a-f]+\]$/;
/** ulogd_output_OPRINT.c; its fields are `name=value`, and there are fewer than a hundred. */
const PACKET_BOUNDARY = '===>PACKET BOUNDARY';
const OPRINT_FIELD = /^([a-z][a-z0-9_.]{0,40})=(.*)$/;
const MOST_FIELDS = 500;
/** What a line within indented JSON begins with, or is; another line shows that it was none. */
const JSON_LINE = /^(?:"|[[\]{}]*,?$|(?:-?\d[\d.eE+-]*|true|false|null),?$)/;
/** Bytes of a MESSAGE that is no UTF-8: `IN=`. */
const BYTES_HINT = /73,\s*78,\s*61/;

/**
 * Puts entries together that span lines: journalctl export and verbose, indented JSON; other lines are entries of
 * their own. Lines that cannot matter are left out early.
 */
export function createAssembler(options: ClockOptions, diagnostics: Diagnostics, file: string) {
  let fields: Map<string, string> | undefined;
  let verbose = false;
  let entryLine = 0;
  let packet: Map<string, string> | undefined;
  let object: string[] | undefined;
  let objectSize = 0;
  let told = false;

  function closeFields(): Placed[] {
    const done = fields;
    fields = undefined;
    if (!done || !mayMatter(done.get('MESSAGE') ?? '')) return [];
    return [place(fromJournal(done, options), entryLine, done.get('_BOOT_ID'))];
  }

  /** OPRINT: a packet is what stands behind its boundary, a field a line. */
  function oprintLine(text: string, number: number): Placed[] | undefined {
    if (text.startsWith(PACKET_BOUNDARY)) {
      const before = closePacket();
      packet = new Map();
      entryLine = number;
      return before;
    }
    if (!packet) return undefined;
    const match = OPRINT_FIELD.exec(text);
    if (!match) return [...closePacket(), ...takeLine(text, number)];
    if (packet.size < MOST_FIELDS) packet.set(match[1], match[2]);
    return [];
  }

  function closePacket(): Placed[] {
    const done = packet;
    packet = undefined;
    const message = done && fromOprint(done, options);
    return message ? [place(message, entryLine)] : [];
  }

  function takeLine(text: string, number: number): Placed[] {
    const json = jsonPart(text);
    if (json !== undefined) return parseObject(json, number);
    const trace = readTrace(text);
    if (trace) return [place({ text: text.trim(), time: {}, trace }, number)];
    const printed = fromFluentBit(text);
    if (printed) return readObject(printed, options).map((message) => place(message, number));
    const xml = fromUlogdXml(text, options);
    if (xml) return [place(xml, number)];
    if (!mayMatter(text)) return [];
    return [place(fromGprint(text, options) ?? takeApart(text, options), number)];
  }

  function place(message: Message, line: number, bootId?: string): Placed {
    return { message, line, ...(bootId !== undefined && { bootId }) };
  }

  function parseObject(text: string, line: number): Placed[] {
    if (!mayMatter(text) && !BYTES_HINT.test(text)) return [];
    try {
      const value: unknown = JSON.parse(text);
      const boot: unknown =
        typeof value === 'object' && value !== null && '_BOOT_ID' in value ? value._BOOT_ID : undefined;
      return readObject(value, options).map((m) =>
        place(m, line, typeof boot === 'string' ? boot : undefined),
      );
    } catch {
      if (!told) {
        told = true;
        diagnostics.warning('this is no JSON object', {
          position: { file, line, column: 1 },
          lineText: text.split('\n', 1)[0],
          advice: 'The entry was skipped; further ones like it are skipped silently.',
        });
      }
      return [];
    }
  }

  /** Indented JSON: an object begins at a line that ends in `{` and ends at one that begins with `}`. */
  function objectLine(text: string, number: number): Placed[] | undefined {
    const trimmed = text.trim();
    if (trimmed === '{' || trimmed === '[{') {
      object = [];
      objectSize = 0;
      entryLine = number;
      return [];
    }
    if (!object) return undefined;
    if (/^\}[\s\],{}]*$/.test(trimmed)) {
      const whole = `{${object.join('\n')}}`;
      const found = object.length > 0 && objectSize <= LONGEST_ENTRY ? parseObject(whole, entryLine) : [];
      object = trimmed.endsWith('{') ? [] : undefined;
      objectSize = 0;
      entryLine = number;
      return found;
    }
    if (!JSON_LINE.test(trimmed)) {
      object = undefined;
      return undefined;
    }
    objectSize += trimmed.length;
    if (objectSize <= LONGEST_ENTRY) object.push(trimmed);
    return [];
  }

  function fieldLine(text: string): Placed[] | undefined {
    if (!fields) return undefined;
    if (text === '') return closeFields();
    const match = (verbose ? VERBOSE_FIELD : EXPORT_FIELD).exec(text);
    // A value with line feeds goes on; one in binary form (export) is left out.
    if (!match) return [];
    if (match[2] !== undefined && KEPT.has(match[1])) fields.set(match[1], match[2]);
    return [];
  }

  function entryHead(text: string, number: number): Placed[] | undefined {
    const begins = text.startsWith('__CURSOR=');
    const head = begins || !text.endsWith(']') ? null : VERBOSE_HEAD.exec(text);
    if (!begins && !head) return undefined;
    const before = closeFields();
    fields = new Map();
    verbose = !begins;
    entryLine = number;
    const wall = head && readWallStamp(head[1], 0, options)?.time.wall;
    if (head && wall) {
      fields.set('__REALTIME_TIMESTAMP', String(wall.ns / 1000n));
      fields.set('_BOOT_ID', head[2]);
    }
    return before;
  }

  return {
    take({ text, number }: Line): Placed[] {
      const isAlone = !fields && !packet && !object;
      const plain = isAlone ? fromDmesg(text) : undefined;
      if (plain) return mayMatter(text) ? [{ message: plain, line: number }] : [];
      return (
        entryHead(text, number) ??
        fieldLine(text) ??
        oprintLine(text, number) ??
        objectLine(text, number) ??
        takeLine(text, number)
      );
    },
    end(): Placed[] {
      return [...closeFields(), ...closePacket()];
    },
  };
}

/** The object of a line that is one: also of journalctl's json-sse (`data: `) and json-seq (a record separator before). */
function jsonPart(text: string): string | undefined {
  let at = text.charCodeAt(0) === 0x1e ? 1 : 0;
  if (text.startsWith('data: ', at)) at += 6;
  if (text[at] !== '{') return undefined;
  let json = text.slice(at).trimEnd();
  if (json.endsWith(',')) json = json.slice(0, -1).trimEnd();
  return json.endsWith('}') ? json : undefined;
}
