import { constants, deflateRawSync } from 'node:zlib';
import { parseAddress } from '../../address/ip.js';
import { escapeControls } from '../../source/text.js';
import type { Cell } from '../csv.js';
import type { PieceColumn, PieceHead } from './data.js';

/** Of one column: what is said of it, and its bytes. */
interface Packed {
  readonly column: PieceColumn;
  readonly planes: readonly Uint8Array[];
}

/**
 * Rows, column by column, in as few bytes as they can be had: first the length of what is said of them (4 bytes, the
 * lowest first) and that as JSON, then the planes. A plane has one byte of each row, the lowest plane first: what changes
 * little lies together, for deflate to find. The page reads it back in client/pieces.ts.
 */
export function packRows(rows: readonly (readonly Cell[])[]): Uint8Array {
  const packed = rows[0].map((_, i) => packColumn(rows.map((row) => row[i])));
  const head: PieceHead = { rows: rows.length, columns: packed.map((p) => p.column) };
  const json = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return deflated(Buffer.concat([length, json, ...packed.flatMap((p) => p.planes)]));
}

/**
 * For what comes again, or for what does not: less memory makes smaller blocks, each with codes of its own, and a
 * chance likeness of three bytes costs more than the bytes.
 */
function deflated(bytes: Uint8Array): Uint8Array {
  const again = deflateRawSync(bytes, { level: 9, memLevel: 9 });
  const anew = deflateRawSync(bytes, { level: 9, memLevel: 4, strategy: constants.Z_FILTERED });
  return again.length < anew.length ? again : anew;
}

function packColumn(cells: readonly Cell[]): Packed {
  if (cells.every((cell) => typeof cell !== 'string')) return packNumbers(cells);
  const words = cells.map((cell) => (cell === null ? null : escapeControls(String(cell))));
  return packAddresses(words) ?? packWords(words);
}

/** As what each adds to the one before, where that takes fewer bytes than the numbers themselves. */
function packNumbers(cells: readonly (number | null)[]): Packed {
  const gaps = Uint8Array.from(cells, (cell) => (cell === null ? 1 : 0));
  let before = cells.find((cell) => cell !== null) ?? 0;
  const values = cells.map((cell) => (before = cell ?? before));
  const steps = values.map((value, i) => (i === 0 ? 0 : value - values[i - 1]));
  const inSteps = bytesFor(rangeOf(steps)) < bytesFor(rangeOf(values));
  const chosen = inSteps ? steps : values;
  const least = chosen.reduce((a, b) => Math.min(a, b), Infinity);
  const width = bytesFor(rangeOf(chosen));
  const hasGaps = gaps.includes(1);
  return {
    column: { kind: 'numbers', least, start: inSteps ? values[0] : null, width, hasGaps },
    planes: [...(hasGaps ? [gaps] : []), ...planesOf(chosen, (value) => value - least, width)],
  };
}

function packWords(words: readonly (string | null)[]): Packed {
  const places = new Map<string | null, number>();
  const list = words.map((word) => {
    let place = places.get(word);
    if (place === undefined) places.set(word, (place = places.size));
    return place;
  });
  const width = bytesFor(places.size - 1);
  return {
    column: { kind: 'words', words: [...places.keys()], width },
    planes: planesOf(list, (place) => place, width),
  };
}

/** IPv4 addresses, each by itself, where they hardly come again; null: as words they are shorter, or there are others. */
function packAddresses(words: readonly (string | null)[]): Packed | null {
  const distinct = new Set(words);
  if (distinct.size < words.length / 8) return null;
  const odd = new Map<string | null, number>();
  const addresses: number[] = [];
  const places = words.map((word) => {
    const address = word === null ? undefined : parseAddress(word);
    const isPlain = address?.version === 4 && address.toString() === word;
    addresses.push(isPlain ? address.a >>> 0 : 0);
    if (isPlain) return 0;
    let place = odd.get(word);
    if (place === undefined) odd.set(word, (place = odd.size + 1));
    return place;
  });
  if (odd.size > 255 || odd.size > words.length / 8) return null;
  return {
    column: { kind: 'addresses', odd: [...odd.keys()] },
    planes: [Uint8Array.from(places), ...planesOf(addresses, (value) => value, 4)],
  };
}

function rangeOf(numbers: readonly number[]): number {
  let least = Infinity;
  let most = -Infinity;
  for (const n of numbers) {
    if (n < least) least = n;
    if (n > most) most = n;
  }
  return most - least;
}

/** Bytes that hold numbers from 0 to `most`: none where that is 0. */
function bytesFor(most: number): number {
  return most === 0 ? 0 : Math.floor(Math.log2(most) / 8) + 1;
}

function planesOf(numbers: readonly number[], valueOf: (n: number) => number, width: number): Uint8Array[] {
  return Array.from({ length: width }, (_, plane) =>
    Uint8Array.from(numbers, (n) => Math.floor(valueOf(n) / 256 ** plane) % 256),
  );
}
