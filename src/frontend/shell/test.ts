import { fitsPattern } from './pattern.js';

/** Commands that the host of a script is taken to have. */
const PROGRAMS =
  /^(?:ip6?tables(?:-legacy|-nft)?(?:-restore|-save)?|ipset|ip|nft|modprobe|sysctl|echo|sh|bash)$/;

/** What changes nothing that is looked at here. */
const HARMLESS =
  /^(?:modprobe|depmod|insmod|rmmod|sleep|logger|trap|umask|ulimit|touch|mkdir|rm|chmod|chown|date|sync|wait)$/;
/** What only reads and prints. */
const READING =
  /^(?:lsmod|uname|hostname|whoami|id|grep|egrep|fgrep|sed|awk|cut|sort|uniq|tr|wc|head|tail|find|ls|cat|seq|basename|dirname)$/;

/** Whether a command changes nothing, so that it matters only by what it prints and how it ends. */
export function changesNothing(path: string): boolean {
  const name = baseName(path);
  return HARMLESS.test(name) || READING.test(name);
}

export function isHarmless(path: string): boolean {
  return HARMLESS.test(baseName(path));
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Whether a command is one that the host is taken to have. */
export function isProgram(path: string): boolean {
  return PROGRAMS.test(baseName(path));
}

/**
 * The truth of what stands in `[ … ]` or `[[ … ]]` (POSIX, test); null where nobody knows it here, as of files.
 * @param hasPatterns whether what stands right of `=` is a pattern, as in `[[ … ]]`
 */
export function testTruth(words: readonly string[], hasPatterns: boolean): boolean | null {
  const or = words.findIndex((word) => word === '-o' || word === '||');
  if (or > 0)
    return either(testTruth(words.slice(0, or), hasPatterns), testTruth(words.slice(or + 1), hasPatterns));
  const and = words.findIndex((word) => word === '-a' || word === '&&');
  if (and > 0)
    return both(testTruth(words.slice(0, and), hasPatterns), testTruth(words.slice(and + 1), hasPatterns));
  if (words[0] === '!' && words.length > 1) return not(testTruth(words.slice(1), hasPatterns));
  if (words.length === 3) return compare(words[0], words[1], words[2], hasPatterns);
  if (words.length === 2) return unary(words[0], words[1]);
  return words.length === 1 ? words[0] !== '' : words.length === 0 ? false : null;
}

function not(truth: boolean | null): boolean | null {
  return truth === null ? null : !truth;
}

function both(a: boolean | null, b: boolean | null): boolean | null {
  if (a === false || b === false) return false;
  return a === null || b === null ? null : true;
}

function either(a: boolean | null, b: boolean | null): boolean | null {
  return not(both(not(a), not(b)));
}

function unary(operator: string, word: string): boolean | null {
  if (operator === '-n') return word !== '';
  if (operator === '-z') return word === '';
  return /^-[efx]$/.test(operator) && isProgram(word) ? true : null;
}

const ORDER = new Map<string, (a: number, b: number) => boolean>([
  ['-eq', (a, b) => a === b],
  ['-ne', (a, b) => a !== b],
  ['-lt', (a, b) => a < b],
  ['-le', (a, b) => a <= b],
  ['-gt', (a, b) => a > b],
  ['-ge', (a, b) => a >= b],
]);

function compare(left: string, operator: string, right: string, hasPatterns: boolean): boolean | null {
  const order = ORDER.get(operator);
  if (order) {
    const isNumber = /^-?\d+$/.test(left) && /^-?\d+$/.test(right);
    return isNumber ? order(Number(left), Number(right)) : null;
  }
  const equal = hasPatterns ? fitsPattern(right, left) : left === right;
  if (operator === '=' || operator === '==') return equal;
  return operator === '!=' ? !equal : null;
}
