import type { GivenOption, HostNames, Word } from '../../rules/options.js';
import type { Position } from '../../source/text.js';
import type { Refusal } from './kernelChecks.js';
import type { Problem } from './problem.js';
import type { Loaded, Specification } from './specification.js';

/**
 * What a command does, by its letter in iptables(8); `d` is -D with a rule number and `z` is -Z with one,
 * which are commands of their own (`CMD_DELETE_NUM`, `CMD_ZERO_NUM`, iptables/xshared.h).
 */
export type Letter = 'A' | 'C' | 'D' | 'd' | 'I' | 'R' | 'L' | 'S' | 'F' | 'Z' | 'z' | 'N' | 'X' | 'E' | 'P';

/** One call of iptables or one line of iptables-restore, understood. */
export interface Command {
  readonly letter: Letter;
  /** -Z together with -L or -S: all counters (`Z`), or those of one rule (`z`). */
  readonly zero: 'Z' | 'z' | null;
  readonly table: string;
  readonly chain: Word | null;
  /** 1-based; 0 where none was given. */
  readonly number: number;
  /** -P's policy or -E's new name. */
  readonly argument: Word | null;
  readonly counters: { readonly packets: number; readonly bytes: number } | null;
  readonly numeric: boolean;
  readonly verbose: boolean;
  readonly exact: boolean;
  readonly lineNumbers: boolean;
  /** Why an extension says that the kernel will not take it so. */
  readonly refusedByKernel: Refusal | null;
  readonly specification: Specification;
}

/** Who asks, and who hears of what is wrong. */
export interface Reader {
  readonly version: 4 | 6;
  /** Give up at the first problem, as iptables does; else go on, and what is not understood becomes unknown. */
  readonly strict: boolean;
  /** What the host has that a rule may name; null: nobody is asked. */
  readonly names: HostNames | null;
  /** The table in which iptables-restore is; null on a command line. */
  readonly table: string | null;
  /** What stood in brackets before a line of iptables-restore: as good as -c. */
  readonly counters: Command['counters'];
  report(problem: Problem): void;
  /** Odd, but taken. */
  warn(message: string, at: Word): void;
  /** An extension that exists but is not modelled here. */
  unmodelled(kind: 'match' | 'target', name: Word): void;
}

/** What the scan of the words has gathered so far. */
export interface Scan {
  readonly reader: Reader;
  readonly words: readonly Word[];
  next: number;
  inverted: Word | null;
  letters: Letter[];
  table: Word | null;
  chain: Word | null;
  number: number;
  argument: Word | null;
  counters: Command['counters'];
  /** The letters of the command's own options that were given (`optflags`, iptables/xshared.c). */
  readonly flags: Map<string, Word>;
  readonly head: Map<string, GivenOption>;
  sources: readonly string[] | null;
  destinations: readonly string[] | null;
  /** The protocol after -p, and whether `!` stood before it. */
  protocol: number | null;
  protocolNegated: boolean;
  readonly matches: Loaded[];
  /** Matches and target in the order in which they were loaded, for the lookup of options. */
  readonly loaded: Loaded[];
  target: Loaded | null;
  jump: Word | null;
  goto: boolean;
  refusedByKernel: Refusal | null;
  /** -4 or -6 says that the line is for the other program (iptables-restore(8)). */
  ignored: boolean;
  failed: boolean;
}

/** Longest names (`XT_EXTENSION_MAXNAMELEN`, linux/netfilter/x_tables.h, and IFNAMSIZ), the closing 0 included. */
export const NAME_SIZE = 29;
export const INTERFACE_SIZE = 16;

/** Reports; the caller goes on in a way that makes sense where the reader is not strict. */
export function fail(scan: Scan, message: string, at: Word | Position, length = 1, bare = false): void {
  if (scan.failed && scan.reader.strict) return;
  scan.failed = true;
  const word = 'text' in at ? at : null;
  const position = 'text' in at ? at.position : at;
  scan.reader.report({ message, status: 2, position, length: word?.text.length ?? length, bare });
}

/** The next word where one stands that is no option: `xs_has_arg()` (iptables/xshared.c). */
export function optionalWord(scan: Scan): Word | null {
  const word = scan.words[scan.next];
  if (!word || word.text.startsWith('-') || word.text.startsWith('!')) return null;
  scan.next++;
  return word;
}

export function rawWords(scan: Scan, words: readonly string[]): string[] {
  return [...(scan.inverted ? ['!'] : []), ...words];
}

export function tooLong(name: string): string {
  return `chain name \`${name}' too long (must be under ${NAME_SIZE} chars)`;
}

/** Notes that an option was given: `set_option()` (iptables/xshared.c). */
export function setFlag(scan: Scan, letter: string, word: Word): boolean {
  if (scan.flags.has(letter)) {
    fail(scan, `multiple -${letter} flags not allowed`, word);
    return false;
  }
  scan.flags.set(letter, word);
  if (scan.inverted && !'sdpiof'.includes(letter)) {
    fail(scan, `cannot have ! before -${letter}`, scan.inverted);
    return false;
  }
  return true;
}
