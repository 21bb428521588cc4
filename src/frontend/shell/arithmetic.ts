/** Levels of operators, the loosest first. */
const LEVELS: readonly (readonly string[])[] = [['+', '-'], ['*', '/', '%']]; // prettier-ignore
/** Parentheses in parentheses. */
const DEEPEST = 50;

/**
 * The value of a sum of the shell (POSIX sh, 2.6.4): whole numbers, names, `+ - * / %` and parentheses.
 * @returns null where it is none of these, or divides by 0
 */
export function calculate(text: string, valueOf: (name: string) => string | undefined): number | null {
  const tokens = text.match(/\d+|[A-Za-z_]\w*|[-+*/%()]|\S/g) ?? [];
  let at = 0;
  let depth = 0;

  const primary = (): number | null => {
    const token = tokens[at++];
    if (token === undefined) return null;
    if (/^\d+$/.test(token)) return Number(token);
    if (/^[A-Za-z_]/.test(token)) {
      const value = valueOf(token) ?? '0';
      return /^-?\d{1,15}$/.test(value) ? Number(value) : null;
    }
    if (++depth > DEEPEST) return null;
    let value: number | null = null;
    if (token === '-') value = negate(primary());
    else if (token === '+') value = primary();
    else if (token === '(') {
      value = level(0);
      if (tokens[at++] !== ')') value = null;
    }
    depth--;
    return value;
  };
  const level = (n: number): number | null => {
    if (n === LEVELS.length) return primary();
    let value = level(n + 1);
    while (value !== null && LEVELS[n].includes(tokens[at] ?? '')) {
      const operator = tokens[at++];
      const right = level(n + 1);
      value = right === null ? null : combine(value, operator, right);
    }
    return value;
  };

  const value = level(0);
  return value !== null && at === tokens.length && Number.isSafeInteger(value) ? value : null;
}

function negate(value: number | null): number | null {
  return value === null ? null : 0 - value;
}

function combine(a: number, operator: string, b: number): number | null {
  if (operator === '+') return a + b;
  if (operator === '-') return a - b;
  if (operator === '*') return a * b;
  if (b === 0) return null;
  return operator === '/' ? Math.trunc(a / b) : a % b;
}
