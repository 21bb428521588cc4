import type { Cell } from '../csv.js';
import { packRows } from './columns.js';
import type { TableHead } from './data.js';
import { text91 } from './text91.js';

/** A table on its way into the page. */
export interface PieceWriter<Row> {
  push(row: Row): void;
  finish(): PieceTable;
}

export interface PieceTable extends TableHead {
  /** What `packRows` made, as text, one a piece. */
  readonly encoded: readonly string[];
}

const ROWS_A_PIECE = 8000;
/** Characters of text in one piece, before compression. */
const TEXT_A_PIECE = 4_000_000;

/**
 * Rows as pieces that a page can carry.
 * Rows are encoded as they come, so that memory holds the pieces only.
 * @param cells a row's columns; numbers are whole
 * @param room bytes that the pieces may take; a piece that finds no room is left out, and all that follow
 */
export function writePieces<Row>(cells: (row: Row) => readonly Cell[], room: number): PieceWriter<Row> {
  const encoded: string[] = [];
  const pieces: number[] = [];
  let waiting: (readonly Cell[])[] = [];
  let text = 0;
  let total = 0;
  let left = room;
  const encode = (rows: readonly (readonly Cell[])[]): void => {
    if (rows.length === 0) return;
    const piece = text91(packRows(rows));
    if (piece.length <= left) {
      left -= piece.length;
      encoded.push(piece);
      pieces.push(rows.length);
      return;
    }
    // What is left of the room holds a part of it.
    const fitting = Math.floor((rows.length * left) / piece.length / 1.2);
    left = fitting < rows.length / 50 ? 0 : left;
    if (left > 0 && fitting > 0) encode(rows.slice(0, fitting));
    left = 0;
  };
  const flush = (): void => {
    if (left > 0) encode(waiting);
    waiting = [];
    text = 0;
  };
  return {
    push(row) {
      total++;
      if (left === 0) return;
      const values = cells(row);
      for (const value of values) if (typeof value === 'string') text += value.length;
      waiting.push(values);
      if (waiting.length >= ROWS_A_PIECE || text > TEXT_A_PIECE) flush();
    },
    finish() {
      flush();
      return { total, pieces, encoded };
    },
  };
}

/** Bytes that a table takes in the page. */
export function sizeOf({ encoded }: PieceTable): number {
  return encoded.reduce((sum, piece) => sum + piece.length, 0);
}

/** The first pieces of a table, as many as find room. */
export function firstPieces({ total, pieces, encoded }: PieceTable, room: number): PieceTable {
  let left = room;
  const fitting = encoded.findIndex((piece) => (left -= piece.length) < 0);
  const count = fitting < 0 ? encoded.length : fitting;
  return { total, pieces: pieces.slice(0, count), encoded: encoded.slice(0, count) };
}
