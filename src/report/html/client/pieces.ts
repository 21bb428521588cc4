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

/** How long a search may keep the page from answering, ms. */
const LONGEST_WITHOUT_REST = 50;

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
      let rested = performance.now();
      for (let i = 0; i < pieces.length && !isOver(); i++) {
        if (performance.now() - rested > LONGEST_WITHOUT_REST) {
          await new Promise((resolve) => setTimeout(resolve));
          rested = performance.now();
        }
        (await piece(i)).forEach((row, at) => {
          if (test(row)) found.push(first + at);
        });
        first += pieces[i];
      }
      return found;
    },
  };
}

/** What `packRows` and `text91` made of rows. */
async function unpack(text: string): Promise<Row[]> {
  const plain = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const bytes = new Uint8Array(await new Response(plain).arrayBuffer());
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const head = new TextDecoder().decode(bytes.subarray(4, 4 + length));
  const { rows, columns } = JSON.parse(head) as import('../data.js').PieceHead;
  let at = 4 + length;
  const plane = (): Uint8Array => bytes.subarray(at, (at += rows));
  const numbers = (width: number): number[] => {
    const values = Array.from({ length: rows }, () => 0);
    for (let i = 0; i < width; i++) plane().forEach((byte, row) => (values[row] += byte * 256 ** i));
    return values;
  };
  const values = columns.map((column) => cellsOf(column, plane, numbers));
  return Array.from({ length: rows }, (_, i) => values.map((column) => column[i]));
}

/** Two letters are 13 bits, one at the end 6. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const places = new Uint8Array(127);
  let count = 0;
  for (let code = 33; code < 127; code++)
    if (code !== 38 && code !== 60 && code !== 62) places[code] = count++;
  const whole = text.length >> 1;
  const out = new Uint8Array((whole * 13 + (text.length & 1) * 6) >> 3);
  let at = 0;
  let held = 0;
  let bits = 0;
  const take = (value: number, more: number): void => {
    held |= value << bits;
    for (bits += more; bits >= 8 && at < out.length; bits -= 8, held >>>= 8) out[at++] = held & 255;
  };
  for (let i = 0; i < whole; i++)
    take(places[text.charCodeAt(2 * i)] + 91 * places[text.charCodeAt(2 * i + 1)], 13);
  if (text.length & 1) take(places[text.charCodeAt(text.length - 1)], 6);
  return out;
}

function cellsOf(
  column: import('../data.js').PieceColumn,
  plane: () => Uint8Array,
  numbers: (width: number) => number[],
): Cell[] {
  if (column.kind === 'words') return numbers(column.width).map((place) => column.words[place]);
  if (column.kind === 'addresses') {
    const odd = plane();
    const addresses = numbers(4);
    return addresses.map((address, i) =>
      odd[i] > 0
        ? column.odd[odd[i] - 1]
        : [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.'),
    );
  }
  const { least, start, width, hasGaps } = column;
  const gaps = hasGaps ? plane() : null;
  let sum = start ?? 0;
  return numbers(width).map((value, i) => {
    const own = value + least;
    if (start !== null) sum += i === 0 ? 0 : own;
    return gaps?.[i] === 1 ? null : start === null ? own : sum;
  });
}
