/** Levels of operators, the loosest first. */
const LEVELS: readonly (readonly string[])[] = [['||'], ['&&'], ['|'], ['^'], ['&'], ['==', '!='], ['<', '<=', '>', '>='], ['<<', '>>'], ['+', '-'], ['*', '/', '%']]; // prettier-ignore
/** A number as C has it (POSIX sh, 2.6.4): `010` is eight. */
const NUMBER = /^(?:0[xX][0-9a-fA-F]{1,15}|\d{1,15})$/;
/** Parentheses in parentheses. */
const DEEPEST = 50;

/**
 * The value of a sum of the shell (POSIX sh, 2.6.4): whole numbers of 64 bits, names, the operators of C but for `?:` and assignments, parentheses.
 * @returns null where it is none of these, or divides by 0
 */
export function calculate(text: string, valueOf: (name: string) => string | undefined): number | null {
  const tokens = text.match(/\d\w*|[A-Za-z_]\w*|<<|>>|[<>=!]=|&&|\|\||\S/g) ?? [];
  let at = 0;
  let depth = 0;

  const primary = (): number | null => {
    const token = tokens[at++];
    if (token === undefined) return null;
    if (/^\d/.test(token)) return numberOf(token);
    if (/^[A-Za-z_]/.test(token)) {
      const value = valueOf(token) ?? '0';
      return value.startsWith('-') ? negate(numberOf(value.slice(1))) : numberOf(value);
    }
    if (++depth > DEEPEST) return null;
    let value: number | null = null;
    if (token === '-') value = negate(primary());
    else if (token === '+') value = primary();
    else if (token === '!') value = truthOf(primary(), (n) => n === 0);
    else if (token === '~') value = onBits(primary(), -1, (a, b) => a ^ b);
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

const TESTS = new Map<string, (a: number, b: number) => boolean>([
  ['||', (a, b) => a !== 0 || b !== 0],
  ['&&', (a, b) => a !== 0 && b !== 0],
  ['==', (a, b) => a === b],
  ['!=', (a, b) => a !== b],
  ['<', (a, b) => a < b],
  ['<=', (a, b) => a <= b],
  ['>', (a, b) => a > b],
  ['>=', (a, b) => a >= b],
]);
const BITS = new Map<string, (a: bigint, b: bigint) => bigint>([
  ['|', (a, b) => a | b],
  ['^', (a, b) => a ^ b],
  ['&', (a, b) => a & b],
  // A count of 64 and more is taken modulo 64, as the machine does it.
  ['<<', (a, b) => a << (b & 63n)],
  ['>>', (a, b) => a >> (b & 63n)],
]);

/** Of 64 bits; null where the result is none that can be told exactly. */
function onBits(a: number | null, b: number, operate: (a: bigint, b: bigint) => bigint): number | null {
  if (a === null || !Number.isSafeInteger(a) || !Number.isSafeInteger(b)) return null;
  const value = Number(BigInt.asIntN(64, operate(BigInt(a), BigInt(b))));
  return Number.isSafeInteger(value) ? value : null;
}

function truthOf(value: number | null, test: (value: number) => boolean): number | null {
  return value === null ? null : Number(test(value));
}

function numberOf(text: string): number | null {
  if (!NUMBER.test(text)) return null;
  if (!/^0\d/.test(text)) return Number(text);
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : null;
}

function negate(value: number | null): number | null {
  return value === null ? null : 0 - value;
}

function combine(a: number, operator: string, b: number): number | null {
  if (operator === '+') return a + b;
  if (operator === '-') return a - b;
  if (operator === '*') return a * b;
  const test = TESTS.get(operator);
  if (test) return Number(test(a, b));
  const bits = BITS.get(operator);
  if (bits) return onBits(a, b, bits);
  if (b === 0) return null;
  return operator === '/' ? Math.trunc(a / b) : a % b;
}
