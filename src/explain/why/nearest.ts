/** Names that are compared, and letters of each: input may hold any number of any length. */
const MOST_NAMES = 5000;
const MOST_LETTERS = 120;

/** The names that are most like what was written, the likest first; none that is nothing like it. */
export function nearest(written: string, names: readonly string[], most = 3): string[] {
  const short = written.slice(0, MOST_LETTERS).toLowerCase();
  return names
    .slice(0, MOST_NAMES)
    .map((name) => ({ name, away: distance(short, name.slice(0, MOST_LETTERS).toLowerCase()) }))
    .filter(({ name, away }) => away <= Math.max(2, Math.min(name.length, short.length) / 2))
    .sort((a, b) => a.away - b.away)
    .slice(0, most)
    .map(({ name }) => name);
}

/** Letters to change, add or leave out (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length];
}
