import { MATCHES, findMatch } from '../../rules/matches/index.js';
import { findTarget } from '../../rules/targets/index.js';
import type { GivenOption, OptionSpec, Word } from '../../rules/options.js';
import { parseProtocol } from '../../rules/protocols.js';
import type { MatchDefinition } from '../../rules/definition.js';
import type { Position } from '../../source/text.js';
import { isMatchName, isTargetName } from './extensionNames.js';
import { type Found, findLong, GLOBAL_BY_LETTER, type GlobalOption } from './options.js';
import { parseNetworks } from './networks.js';
import type { Problem } from './problem.js';
import {
  headStep,
  load,
  type Loaded,
  matchStep,
  type Specification,
  stray,
  targetStep,
} from './specification.js';
import { checkCommand } from './commandChecks.js';

/**
 * What a command does, by its letter in iptables(8); `d` is -D with a rule number and `z` is -Z with one,
 * which are commands of their own (`CMD_DELETE_NUM`, `CMD_ZERO_NUM`, iptables/xshared.h).
 */
export type Letter = 'A' | 'C' | 'D' | 'd' | 'I' | 'R' | 'L' | 'S' | 'F' | 'Z' | 'z' | 'N' | 'X' | 'E' | 'P';

/** One call of iptables or one line of iptables-restore, understood. */
export interface Command {
  readonly letter: Letter;
  /** -Z together with -L or -S. */
  readonly zero: boolean;
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
  readonly specification: Specification;
}

/** Who asks, and who hears of what is wrong. */
export interface Reader {
  readonly version: 4 | 6;
  /** Give up at the first problem, as iptables does; else go on, and what is not understood becomes unknown. */
  readonly strict: boolean;
  /** The table in which iptables-restore is; null on a command line. */
  readonly table: string | null;
  report(problem: Problem): void;
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
  failed: boolean;
}

/** Words beyond this are refused, as iptables-restore refuses more than 255 (`MAX_ARGC`, iptables/xshared.h). */
const MOST_WORDS = 255;
/** Longest names (`XT_EXTENSION_MAXNAMELEN`, linux/netfilter/x_tables.h, and IFNAMSIZ), the closing 0 included. */
export const NAME_SIZE = 29;
const INTERFACE_SIZE = 16;

const PROTOCOL_MATCHES: readonly MatchDefinition[] = MATCHES.filter((m) => m.protocols);

/**
 * Reads the words of one command (`do_parse()`, iptables/xshared.c). Where `reader.strict`, the first
 * problem ends it and null comes back; otherwise null comes back only where no command can be made out.
 */
export function parseCommand(words: readonly Word[], at: Position, reader: Reader): Command | null {
  const scan: Scan = {
    reader,
    words,
    next: 0,
    inverted: null,
    letters: [],
    table: null,
    chain: null,
    number: 0,
    argument: null,
    counters: null,
    flags: new Map(),
    head: new Map(),
    sources: null,
    destinations: null,
    protocol: null,
    protocolNegated: false,
    matches: [],
    loaded: [],
    target: null,
    jump: null,
    goto: false,
    failed: false,
  };
  if (words.length > MOST_WORDS) {
    fail(scan, 'Parser cannot handle more arguments', words[MOST_WORDS]);
    return null;
  }
  while (scan.next < words.length && !(scan.failed && reader.strict)) step(scan);
  if (scan.failed && reader.strict) return null;
  return finish(scan, at);
}

/** Reports; the caller goes on in a way that makes sense where the reader is not strict. */
export function fail(scan: Scan, message: string, at: Word | Position, bare = false): void {
  if (scan.failed && scan.reader.strict) return;
  scan.failed = true;
  const [position, length] = 'text' in at ? [at.position, at.text.length] : [at, 1];
  scan.reader.report({ message, status: 2, position, length: Math.max(1, length), bare });
}

function step(scan: Scan): void {
  const word = scan.words[scan.next++];
  const { text } = word;
  if (text === '!') {
    if (scan.inverted) fail(scan, 'multiple consecutive ! not allowed', word);
    scan.inverted = word;
    return;
  }
  if (text === '--') {
    if (scan.next < scan.words.length) fail(scan, 'unknown arguments found on commandline', word);
    scan.next = scan.words.length;
  } else if (text.startsWith('--')) {
    longOption(scan, word);
  } else if (text.length > 1 && text.startsWith('-')) {
    shortOptions(scan, word);
  } else {
    fail(scan, `Bad argument \`${text}'`, word, true);
    scan.matches.push(stray(word, rawWords(scan, [text])));
  }
  scan.inverted = null;
}

function longOption(scan: Scan, word: Word): void {
  const equals = word.text.indexOf('=');
  const name = word.text.slice(2, equals < 0 ? undefined : equals);
  const value = equals < 0 ? null : tail(word, equals + 1);
  const known = findLong(name, scan.loaded);
  // What an extension that is not modelled calls its own is no abbreviation of another's option.
  const opaque = scan.loaded.length > 0 && scan.loaded[scan.loaded.length - 1].definition === null;
  const found = known && (known.exact || !opaque) ? known : loadProtocol(scan, name, opaque);
  const takesNothing =
    found && (found.kind === 'global' ? found.option.arity === 'none' : found.spec.args === 0);
  if (!found || (value && takesNothing)) {
    unknownOption(scan, word);
    return;
  }
  if (found.kind === 'global') globalOption(scan, found.option, word, value);
  else extensionOption(scan, scan.loaded[found.owner], found.spec, word, value);
}

function shortOptions(scan: Scan, word: Word): void {
  for (let i = 1; i < word.text.length; i++) {
    const option = GLOBAL_BY_LETTER.get(word.text[i]);
    if (!option) {
      unknownOption(scan, word);
      return;
    }
    if (option.arity === 'none') {
      globalOption(scan, option, word, null);
      continue;
    }
    globalOption(scan, option, word, i + 1 < word.text.length ? tail(word, i + 1) : null);
    return;
  }
}

function tail(word: Word, from: number): Word {
  const { file, line, column } = word.position;
  return { text: word.text.slice(from), position: { file, line, column: column + from } };
}

/**
 * `-p tcp` brings -m tcp once one of its options is met (`command_default()`, iptables/xshared.c).
 */
function loadProtocol(scan: Scan, name: string, exact: boolean): Found | undefined {
  const { protocol, reader } = scan;
  if (protocol === null) return undefined;
  const definition = PROTOCOL_MATCHES.find(
    (m) => m.protocols?.includes(protocol) && m.versions.includes(reader.version),
  );
  if (!definition) return undefined;
  const found = findLong(name, [definition]);
  if (found?.kind !== 'extension' || (exact && !found.exact)) return undefined;
  const word = scan.head.get('-p')?.args[0] ?? scan.words[scan.next - 1];
  const loaded = load('match', definition, word);
  scan.matches.push(loaded);
  scan.loaded.push(loaded);
  return { ...found, owner: scan.loaded.length - 1 };
}

/** The next word where one stands that is no option: `xs_has_arg()` (iptables/xshared.c). */
function optionalWord(scan: Scan): Word | null {
  const word = scan.words[scan.next];
  if (!word || word.text.startsWith('-') || word.text.startsWith('!')) return null;
  scan.next++;
  return word;
}

function rawWords(scan: Scan, words: readonly string[]): string[] {
  return [...(scan.inverted ? ['!'] : []), ...words];
}

/** An option that nothing loaded knows goes, word for word, to the extension that is not modelled; else it is wrong. */
function unknownOption(scan: Scan, word: Word): void {
  const owner = scan.loaded.findLast((l) => l.definition === null);
  if (!owner) fail(scan, `unknown option "${word.text}"`, word);
  const raw = rawWords(scan, [word.text]);
  for (let more = optionalWord(scan); more; more = optionalWord(scan)) raw.push(more.text);
  if (owner) owner.raw.push(...raw);
  else scan.matches.push(stray(word, raw));
}

function extensionOption(scan: Scan, owner: Loaded, spec: OptionSpec, word: Word, value: Word | null): void {
  const args: Word[] = value ? [value] : [];
  let negated = scan.inverted !== null;
  const extension = owner.definition?.name ?? owner.name.text;
  const before = owner.raw.length;
  owner.raw.push(...rawWords(scan, [value ? word.text.slice(0, -value.text.length - 1) : word.text]));
  const wrong = (message: string): void => {
    owner.broken = true;
    fail(scan, message, word);
  };
  if (spec.args === 'optional') {
    const more = value ? null : optionalWord(scan);
    if (more) args.push(more);
  } else if (spec.args > 0 && args.length === 0) {
    let next = scan.words[scan.next];
    // `--dport ! 80`, as iptables took it until 1.4.3 and printed it itself; 1.8.9 no longer does.
    if (next?.text === '!' && !scan.reader.strict && spec.negatable && !negated) {
      negated = true;
      owner.raw.splice(before, 0, '!');
      next = scan.words[++scan.next];
    }
    if (next) {
      args.push(next);
      scan.next++;
    } else wrong(`option "${word.text}" requires an argument`);
  }
  if (spec.args === 2 && args.length === 1) {
    const second = optionalWord(scan);
    if (second) args.push(second);
    else wrong(`${spec.name} requires two args.`);
  }
  for (const arg of args) owner.raw.push(arg.text);
  if (negated && !spec.negatable) wrong(`${extension}: option "${spec.name}" cannot be inverted.\n`);
  if (!REPEATABLE.has(extension) && owner.given.some((g) => g.name === spec.name))
    wrong(`${extension}: option "${spec.name}" can only be used once.\n`);
  owner.given.push({ name: spec.name, negated, args, position: word.position });
}

/** -m policy describes several transforms with the same options (`XTOPT_MULTI`, extensions/libxt_policy.c). */
const REPEATABLE: ReadonlySet<string> = new Set(['policy']);

function globalOption(scan: Scan, option: GlobalOption, word: Word, value: Word | null): void {
  const { letter } = option;
  let argument = value;
  if (option.arity === 'required' && !argument) {
    argument = scan.words[scan.next] ?? null;
    if (!argument) {
      fail(scan, `option "${word.text}" requires an argument`, word);
      if (!COMMANDS.has(letter)) scan.matches.push(stray(word, rawWords(scan, [word.text])));
      return;
    }
    scan.next++;
  }
  if (COMMANDS.has(letter)) {
    command(scan, letter as Letter, argument, word);
    return;
  }
  if (argument) withArgument(scan, letter, argument, word);
  else withoutArgument(scan, letter, word);
}

const COMMANDS: ReadonlySet<string> = new Set('ACDIRLSFZNXEP');

function command(scan: Scan, letter: Letter, argument: Word | null, word: Word): void {
  let given: Letter = letter;
  if (letter === 'N' && argument) checkChainName(scan, argument);
  if (scan.inverted) fail(scan, "unexpected '!' flag", scan.inverted);
  const beside = (other: Letter): boolean =>
    letter === 'Z' ? 'LS'.includes(other) : 'LS'.includes(letter) && 'Zz'.includes(other);
  const clash = scan.letters.find((other) => !beside(other));
  if (clash) {
    fail(scan, `Cannot use -${letter} with -${clash.toUpperCase()}`, word);
    return;
  }
  scan.chain = argument ?? ('LSFZX'.includes(letter) ? optionalWord(scan) : null) ?? scan.chain;
  if ('DRILSZ'.includes(letter)) {
    const number = optionalWord(scan);
    if (number) {
      scan.number = ruleNumber(scan, number);
      if (letter === 'D') given = 'd';
      if (letter === 'Z') {
        given = 'z';
        scan.letters = [];
      }
    } else if (letter === 'R') {
      fail(scan, '-R requires a rule number', word);
    } else if (letter === 'I') {
      scan.number = 1;
    }
  }
  if (letter === 'E' || letter === 'P') {
    scan.argument = optionalWord(scan);
    if (!scan.argument)
      fail(
        scan,
        letter === 'E' ? '-E requires old-chain-name and new-chain-name' : '-P requires a chain and a policy',
        word,
      );
  }
  scan.letters.push(given);
}

function ruleNumber(scan: Scan, word: Word): number {
  const value = /^(0x[0-9a-f]+|\d+)$/i.test(word.text) ? Number(word.text) : 0;
  if (value >= 1 && value <= 0x7fffffff) return value;
  fail(scan, `Invalid rule number \`${word.text}'`, word);
  return 1;
}

/** `assert_valid_chain_name()` (iptables/xshared.c). */
function checkChainName(scan: Scan, { text, position }: Word): void {
  const at = { text, position };
  if (text.length >= NAME_SIZE) fail(scan, tooLong(text), at);
  else if (text.startsWith('-') || text.startsWith('!'))
    fail(scan, `chain name not allowed to start with \`${text[0]}'`, at);
  else if (isTargetName(text)) fail(scan, 'chain name may not clash with target name', at);
  else if (/\s/.test(text)) fail(scan, `Invalid chain name \`${text}'`, at);
}

export function tooLong(name: string): string {
  return `chain name \`${name}' too long (must be under ${NAME_SIZE} chars)`;
}

/** Notes that an option was given: `set_option()` (iptables/xshared.c). */
function setFlag(scan: Scan, letter: string, word: Word): boolean {
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

function withoutArgument(scan: Scan, letter: string, word: Word): void {
  const { version } = scan.reader;
  switch (letter) {
    case 'v':
      if (!scan.flags.has('v')) setFlag(scan, 'v', word);
      return;
    case 'n':
    case 'x':
    case '0':
      setFlag(scan, letter, word);
      return;
    case 'f':
      if (version === 6) {
        fail(scan, "`-f' is not supported in IPv6, use -m frag instead", word);
        scan.matches.push(stray(word, rawWords(scan, ['-f'])));
      } else if (setFlag(scan, 'f', word)) addHead(scan, '-f', word, []);
      return;
    case 'w':
    case 'W':
      // Waiting for the lock changes nothing here; a number may follow.
      optionalWord(scan);
      return;
    case '4':
    case '6':
      if (Number(letter) !== version) fail(scan, `-${letter} does not go with this program`, word);
      return;
  }
}

function withArgument(scan: Scan, letter: string, argument: Word, word: Word): void {
  switch (letter) {
    case 's':
    case 'd':
      addresses(scan, letter, argument, word);
      return;
    case 'p':
      protocolOption(scan, argument, word);
      return;
    case 'i':
    case 'o':
      interfaceOption(scan, letter, argument, word);
      return;
    case 'm':
      matchOption(scan, argument);
      return;
    case 'j':
    case 'g':
      jumpOption(scan, letter, argument, word);
      return;
    case 't':
      if (scan.inverted) fail(scan, 'unexpected ! flag before --table', scan.inverted);
      if (scan.reader.table !== null) fail(scan, 'The -t option cannot be used in iptables-restore.\n', word);
      else scan.table = argument;
      return;
    case 'c':
      countersOption(scan, argument, word);
      return;
  }
}

function addHead(scan: Scan, name: string, word: Word, args: readonly Word[]): void {
  scan.head.set(name, { name, negated: scan.inverted !== null, args, position: word.position });
}

/** -s, -d, -i, -o and -p with their argument, `! arg` too where old spelling is taken. */
function argumentOf(scan: Scan, argument: Word): Word {
  if (argument.text !== '!' || scan.reader.strict || scan.inverted) return argument;
  const next = scan.words[scan.next];
  if (!next) return argument;
  scan.inverted = argument;
  scan.next++;
  return next;
}

function addresses(scan: Scan, letter: 's' | 'd', given: Word, word: Word): void {
  const argument = argumentOf(scan, given);
  if (!setFlag(scan, letter, word)) return;
  const networks = parseNetworks(argument.text, scan.reader.version);
  if ('problem' in networks) {
    fail(scan, networks.problem, argument);
    scan.matches.push(stray(word, rawWords(scan, [`-${letter}`, argument.text])));
    return;
  }
  addHead(scan, `-${letter}`, word, [argument]);
  if (letter === 's') scan.sources = networks.texts;
  else scan.destinations = networks.texts;
  if (networks.texts.length > 1 && scan.inverted)
    fail(scan, '! not allowed with multiple source or destination IP addresses', argument);
}

function protocolOption(scan: Scan, given: Word, word: Word): void {
  const argument = argumentOf(scan, given);
  if (!setFlag(scan, 'p', word)) return;
  const text = argument.text.toLowerCase();
  const number = /^(0x[0-9a-f]+|0[0-7]+)$/.test(text) ? Number(text.replace(/^0(?=\d)/, '0o')) : NaN;
  const protocol = number <= 255 ? number : parseProtocol(text);
  if (protocol === undefined) {
    fail(scan, `unknown protocol "${text}" specified`, argument);
    scan.matches.push(stray(word, rawWords(scan, ['-p', argument.text])));
    return;
  }
  if (protocol === 0 && scan.inverted) fail(scan, 'rule would never match protocol', argument);
  scan.protocol = protocol;
  scan.protocolNegated = scan.inverted !== null;
  addHead(scan, '-p', word, [{ text: String(protocol), position: argument.position }]);
}

function interfaceOption(scan: Scan, letter: 'i' | 'o', given: Word, word: Word): void {
  const argument = argumentOf(scan, given);
  if (argument.text === '') {
    fail(scan, 'Empty interface is likely to be undesired', word);
    return;
  }
  if (!setFlag(scan, letter, word)) return;
  if (argument.text.length >= INTERFACE_SIZE)
    fail(
      scan,
      `interface name \`${argument.text}' must be shorter than IFNAMSIZ (${INTERFACE_SIZE - 1})`,
      argument,
    );
  addHead(scan, `-${letter}`, word, [argument]);
}

function matchOption(scan: Scan, name: Word): void {
  const { reader } = scan;
  if (scan.inverted) fail(scan, 'unexpected ! flag before --match', scan.inverted);
  const definition = findMatch(name.text, reader.version) ?? null;
  const usable = definition?.name === 'ip' ? null : definition;
  if (!usable && isMatchName(name.text)) reader.unmodelled('match', name);
  else if (!usable) fail(scan, `Couldn't load match \`${name.text}':No such file or directory\n`, name);
  const loaded = load('match', usable, name);
  scan.matches.push(loaded);
  scan.loaded.push(loaded);
}

function jumpOption(scan: Scan, letter: 'j' | 'g', name: Word, word: Word): void {
  const { reader } = scan;
  if (!setFlag(scan, 'j', word)) return;
  if (name.text === '') {
    fail(scan, 'Invalid target name (too short)', word);
    return;
  }
  if (name.text.length >= NAME_SIZE)
    fail(scan, `Invalid target name \`${name.text}' (${NAME_SIZE - 1} chars max)`, name);
  else if (/\s/.test(name.text)) fail(scan, `Invalid target name \`${name.text}'`, name);
  scan.jump = name;
  scan.goto = letter === 'g';
  if (scan.goto) return;
  const definition = findTarget(name.text, reader.version) ?? null;
  if (!definition && !isTargetName(name.text)) return;
  if (!definition) reader.unmodelled('target', name);
  scan.target = load('target', definition, name);
  scan.loaded.push(scan.target);
}

/** `-c packets bytes` or `-c packets,bytes`. */
function countersOption(scan: Scan, argument: Word, word: Word): void {
  if (!setFlag(scan, 'c', word)) return;
  const comma = argument.text.indexOf(',', 1);
  const packets = comma < 0 ? argument.text : argument.text.slice(0, comma);
  const bytes = comma < 0 ? optionalWord(scan)?.text : argument.text.slice(comma + 1);
  if (bytes === undefined) fail(scan, '-c requires packet and byte counter', word);
  else if (!/^\s*\d/.test(packets)) fail(scan, '-c packet counter not numeric', word);
  else if (!/^\s*\d/.test(bytes)) fail(scan, '-c byte counter not numeric', word);
  else scan.counters = { packets: parseInt(packets, 10), bytes: parseInt(bytes, 10) };
}

function finish(scan: Scan, at: Position): Command | null {
  const { reader } = scan;
  const table = reader.table ?? scan.table?.text ?? 'filter';
  const protocol = scan.protocolNegated ? null : scan.protocol;
  const complain = (message: string, position: Position, length: number): void =>
    fail(scan, message, { text: ' '.repeat(Math.min(length, 200)), position });
  checkNatDrop(scan, table);
  const matches = scan.matches.map((m) => matchStep(m, protocol, reader.version, complain));
  const target = scan.target && targetStep(scan.target, protocol, reader.version, complain);
  if (scan.letters.length === 0 && !scan.failed) fail(scan, 'no command specified', at);
  if (scan.inverted) fail(scan, 'nothing appropriate following !', scan.inverted);
  checkCommand(scan);
  const heads = headSteps(scan, at, protocol, complain);
  if ((scan.failed && reader.strict) || scan.letters.length === 0) return null;
  const main = scan.letters.find((letter) => letter !== 'Z') ?? scan.letters[0];
  return {
    letter: main,
    zero: scan.letters.length > 1,
    table,
    chain: scan.chain,
    number: scan.number,
    argument: scan.argument,
    counters: scan.counters,
    numeric: scan.flags.has('n'),
    verbose: scan.flags.has('v'),
    exact: scan.flags.has('x'),
    lineNumbers: scan.flags.has('0'),
    specification: { heads, matches, target, jump: scan.jump, goto: scan.goto },
  };
}

function checkNatDrop(scan: Scan, table: string): void {
  const where =
    scan.jump?.text === 'DROP' ? scan.jump : scan.argument?.text === 'DROP' ? scan.argument : null;
  if (table === 'nat' && where)
    fail(
      scan,
      '\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n',
      where,
    );
}

/** One head for each pair of listed sources and destinations, in the order in which iptables adds them. */
function headSteps(
  scan: Scan,
  at: Position,
  protocol: number | null,
  complain: (message: string, position: Position, length: number) => void,
): Specification['heads'] {
  const { version } = scan.reader;
  const pairs = (scan.sources?.length ?? 1) * (scan.destinations?.length ?? 1);
  if (pairs === 1 && isPlain(scan))
    return [headStep([...scan.head.values()], at, protocol, version, complain)];
  const heads: Specification['heads'][number][] = [];
  for (const source of scan.sources ?? [null])
    for (const destination of scan.destinations ?? [null]) {
      const given = [...scan.head.values()].map((option) => {
        const text = option.name === '-s' ? source : option.name === '-d' ? destination : null;
        return text === null ? option : { ...option, args: [{ text, position: option.args[0].position }] };
      });
      heads.push(headStep(given, at, protocol, version, complain));
    }
  return heads;
}

/** Whether the addresses stand as they were written, so that nothing needs to be put in their place. */
function isPlain(scan: Scan): boolean {
  const same = (name: string, texts: readonly string[] | null): boolean =>
    texts === null || texts[0] === scan.head.get(name)?.args[0].text;
  return same('-s', scan.sources) && same('-d', scan.destinations);
}
