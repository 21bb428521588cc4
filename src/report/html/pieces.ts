import { gzipSync } from 'node:zlib';
import { escapeControls } from '../../source/text.js';
import type { Cell } from '../csv.js';
import type { Piece, PieceColumn, TableHead } from './data.js';

/** A table on its way into the page. */
export interface PieceWriter<Row> {
  push(row: Row): void;
  finish(): PieceTable;
}

export interface PieceTable extends TableHead {
  /** gzip in base64, one a piece. */
  readonly encoded: readonly string[];
}

const ROWS_A_PIECE = 10_000;
/** Characters of text in one piece, before compression. */
const TEXT_A_PIECE = 4_000_000;

/**
 * Rows as pieces that a page can carry: columns, numbers as differences, texts by their place in a list, gzip, base64.
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
    const piece = gzipSync(JSON.stringify(pieceOf(rows)), { level: 9 }).toString('base64');
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

function pieceOf(rows: readonly (readonly Cell[])[]): Piece {
  return { rows: rows.length, columns: rows[0].map((_, i) => columnOf(rows.map((row) => row[i]))) };
}

function columnOf(cells: readonly Cell[]): PieceColumn {
  if (cells.every((cell) => typeof cell !== 'string')) {
    let before = 0;
    return {
      deltas: cells.map((cell) => {
        if (cell === null) return null;
        const delta = cell - before;
        before = cell;
        return delta;
      }),
    };
  }
  const places = new Map<string | null, number>();
  const list = cells.map((cell) => {
    const word = cell === null ? null : escapeControls(String(cell));
    let place = places.get(word);
    if (place === undefined) places.set(word, (place = places.size));
    return place;
  });
  return { words: [...places.keys()], places: list };
}
