type TableName = import('../data.js').TableName;
type Cell = string | number | null;
type Row = readonly Cell[];

/** A table that lies in the page in pieces, each unpacked when it is first asked for. */
interface TableData {
  /** Rows that the page has. */
  readonly held: number;
  /** Rows that there were. */
  readonly total: number;
  row(index: number): Promise<Row>;
  /** All rows that `test` wants, by their places; stops where `isOver` says so. */
  search(test: (row: Row) => boolean, isOver: () => boolean): Promise<number[]>;
}

const HEAD = JSON.parse(byId('head').textContent ?? '') as import('../data.js').PageHead;

function openTable(name: TableName): TableData {
  const { total, pieces } = HEAD.tables[name];
  const scripts = [...document.querySelectorAll(`script[data-piece="${name}"]`)];
  const unpacked = new Map<number, Promise<Row[]>>();
  const piece = (index: number): Promise<Row[]> => {
    let rows = unpacked.get(index);
    if (!rows) unpacked.set(index, (rows = unpack(scripts[index].textContent ?? '')));
    return rows;
  };
  return {
    total,
    held: pieces.reduce((sum, n) => sum + n, 0),
    async row(index) {
      let first = 0;
      let which = 0;
      while (index - first >= pieces[which]) first += pieces[which++];
      return (await piece(which))[index - first];
    },
    async search(test, isOver) {
      const found: number[] = [];
      let first = 0;
      for (let i = 0; i < pieces.length && !isOver(); i++) {
        (await piece(i)).forEach((row, at) => {
          if (test(row)) found.push(first + at);
        });
        first += pieces[i];
      }
      return found;
    },
  };
}

async function unpack(base64: string): Promise<Row[]> {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  const { rows, columns } = JSON.parse(await new Response(plain).text()) as import('../data.js').Piece;
  const values = columns.map(cellsOf);
  return Array.from({ length: rows }, (_, i) => values.map((column) => column[i]));
}

function cellsOf(column: import('../data.js').PieceColumn): Cell[] {
  if ('words' in column) return column.places.map((place) => column.words[place]);
  let value = 0;
  return column.deltas.map((delta) => (delta === null ? null : (value += delta)));
}
