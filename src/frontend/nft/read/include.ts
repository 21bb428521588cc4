import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { Include } from './preprocess.js';

/** Most bytes of a file that is included. */
const LARGEST = 16 * 1024 * 1024;
/** Most files that one pattern may stand for. */
const MOST_FILES = 1000;

/**
 * Finds what `include` names as `nft -f` does (nft(8), INCLUDING FILES): a file, or what a pattern with `*`, `?` and
 * `[…]` stands for, in alphabetical order; a pattern that nothing fits includes nothing. A path that does not begin with
 * `/` is looked for beside the file that includes it, then in the folder where nft looks.
 * @param folder where nft looks for files without a path of their own
 */
export function includeFiles(folder = '/etc'): Include {
  return (pattern, from) => {
    const places = isAbsolute(pattern) ? [pattern] : [join(dirname(from), pattern)];
    if (!isAbsolute(pattern) && !pattern.startsWith('.')) places.push(join(folder, pattern));
    for (const place of places) {
      const files = filesOf(place);
      if (files.length > 0) return files;
    }
    return /[*?[]/.test(pattern) || pattern.endsWith('/') ? [] : undefined;
  };
}

function filesOf(pattern: string): { file: string; text: string }[] {
  if (pattern.endsWith('/')) return [];
  let paths = [isAbsolute(pattern) ? '/' : '.'];
  for (const segment of pattern.split('/').filter((s) => s !== '')) {
    paths = /[*?[]/.test(segment)
      ? paths.flatMap((path) =>
          namesIn(path)
            .filter((n) => fits(segment, n))
            .map((n) => join(path, n)),
        )
      : paths.map((path) => join(path, segment));
    paths = paths.slice(0, MOST_FILES);
  }
  return paths.flatMap((file) => {
    const text = textOf(file);
    return text === undefined ? [] : [{ file, text }];
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function textOf(file: string): string | undefined {
  try {
    const stat = statSync(file);
    return stat.isFile() && stat.size <= LARGEST ? readFileSync(file, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

/** glob(7) of one name: a dot at its beginning is matched only by a dot. */
function fits(pattern: string, name: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false;
  let at = 0;
  let star = -1;
  let starAt = 0;
  let i = 0;
  while (i < name.length) {
    const next = pattern[at] === '*' ? null : one(pattern, at, name[i]);
    if (next === null) {
      star = at++;
      starAt = i;
    } else if (next > 0) {
      at = next;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++starAt;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

/** Where the pattern goes on after one character that it fits; 0 where it does not. */
function one(pattern: string, at: number, character: string): number {
  if (at >= pattern.length) return 0;
  if (pattern[at] === '?') return at + 1;
  const close = pattern[at] === '[' ? pattern.indexOf(']', at + 2) : -1;
  if (close < 0) return pattern[at] === character ? at + 1 : 0;
  const negated = pattern[at + 1] === '!' || pattern[at + 1] === '^';
  let found = false;
  for (let i = at + (negated ? 2 : 1); i < close; i++) {
    const range = pattern[i + 1] === '-' && i + 2 < close;
    const last = range ? pattern[i + 2] : pattern[i];
    if (character >= pattern[i] && character <= last) found = true;
    if (range) i += 2;
  }
  return found !== negated ? close + 1 : 0;
}
