import stringWidth from 'string-width';

/** Columns that text takes on a terminal: letters of East Asia and pictures take two, what combines takes none. */
export function columnsOf(text: string): number {
  return /^[\x20-\x7e]*$/.test(text) ? text.length : stringWidth(text);
}

/** At most `width` columns of the text, its end given up for `…`; no character is taken apart. */
export function cut(text: string, width: number): string {
  if (columnsOf(text) <= width) return text;
  let kept = '';
  let columns = 0;
  for (const { segment } of CHARACTERS.segment(text)) {
    columns += columnsOf(segment);
    if (columns >= width) break;
    kept += segment;
  }
  return `${kept}…`;
}

const CHARACTERS = new Intl.Segmenter('en', { granularity: 'grapheme' });

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - columnsOf(text))) + text;
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - columnsOf(text)));
}

/**
 * Cut into lines at spaces.
 * @param lead what the first line begins with; the others are indented as far, or by `indent`
 */
export function wrap(text: string, lead: string, width: number, indent = columnsOf(lead)): string[] {
  const lines: string[] = [];
  let line = lead;
  let isFresh = true;
  for (const word of text.split(' ')) {
    if (!isFresh && columnsOf(line) + 1 + columnsOf(word) > width) {
      lines.push(cut(line, width));
      line = ' '.repeat(indent) + word;
    } else line += isFresh ? word : ` ${word}`;
    isFresh = false;
  }
  return [...lines, cut(line, width)];
}

/**
 * Rows under a head, each column as wide as its widest cell, two spaces between; nothing stands behind the last one.
 * @param align `<` or `>` a column
 * @param most columns that one cell may ask for; what is wider pushes the rest along
 */
export function table(rows: readonly (readonly string[])[], align: string, most = Infinity): string[] {
  const widths = [...align].map((_, i) =>
    rows.reduce((widest, row) => Math.max(widest, Math.min(most, columnsOf(row[i]))), 0),
  );
  return rows.map((row) =>
    row
      .map((cell, i) => (align[i] === '>' ? padStart(cell, widths[i]) : padEnd(cell, widths[i])))
      .join('  ')
      .trimEnd(),
  );
}
