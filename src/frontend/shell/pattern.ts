/**
 * Whether a text fits a pattern of the shell (POSIX sh, 2.14): `*`, `?`, `[a-z]`, and `\` before what stands for
 * itself. Time grows with the product of the lengths at most.
 */
export function fitsPattern(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = t;
      continue;
    }
    const step = fitsOne(pattern, p, text[t]);
    if (step > 0) {
      p += step;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p >= pattern.length;
}

/** How long the piece of the pattern is that the character fits; 0 where it does not. */
function fitsOne(pattern: string, at: number, c: string): number {
  const sign = pattern[at];
  if (sign === undefined) return 0;
  if (sign === '?') return 1;
  if (sign === '\\' && at + 1 < pattern.length) return pattern[at + 1] === c ? 2 : 0;
  const close = sign === '[' ? pattern.indexOf(']', at + 2) : -1;
  if (close < 0) return sign === c ? 1 : 0;
  const negated = /[!^]/.test(pattern[at + 1]);
  let fits = false;
  for (let i = at + (negated ? 2 : 1); i < close; i++) {
    if (pattern[i + 1] === '-' && i + 2 < close) {
      if (pattern[i] <= c && c <= pattern[i + 2]) fits = true;
      i += 2;
    } else if (pattern[i] === c) fits = true;
  }
  return fits !== negated ? close - at + 1 : 0;
}

/** A text so that as a pattern it fits only itself. */
export function literally(text: string): string {
  return text.replace(/[\\*?[]/g, '\\$&');
}
