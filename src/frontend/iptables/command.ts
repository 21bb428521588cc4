import { isByKernel, KERNEL_OUT_OF_RANGE } from '../../rules/refusal.js';
import { MATCHES } from '../../rules/matches/index.js';
import type { OptionSpec, Word } from '../../rules/options.js';
import type { MatchDefinition } from '../../rules/definition.js';
import type { Position } from '../../source/text.js';
import { isTargetName } from './extensionNames.js';
import { type Found, findLong, GLOBAL_BY_LETTER, type GlobalOption } from './options.js';
import { checkCommand } from './commandChecks.js';
import { addHead, headSteps, readNetworks, withArgument } from './ruleOptions.js';
import {
  type Command,
  fail,
  type Letter,
  NAME_SIZE,
  optionalWord,
  rawWords,
  type Reader,
  type Scan,
  setFlag,
  tooLong,
} from './scan.js';
import { load, type Loaded, matchStep, type RuleProtocol, stray, targetStep } from './specification.js';

/** Words beyond this are refused, as iptables-restore refuses more than 255 (`MAX_ARGC`, iptables/xshared.h). */
const MOST_WORDS = 255;
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
    counters: reader.counters,
    flags: new Map(),
    head: new Map(),
    sources: null,
    destinations: null,
    refusedByKernel: null,
    ignored: false,
    protocol: null,
    protocolNegated: false,
    matches: [],
    loaded: [],
    target: null,
    jump: null,
    goto: false,
    failed: false,
  };
  if (reader.counters) scan.flags.set('c', { text: '-c', position: at });
  if (words.length > MOST_WORDS) {
    fail(scan, 'Parser cannot handle more arguments', words[MOST_WORDS]);
    return null;
  }
  while (scan.next < words.length && !scan.ignored && !(scan.failed && reader.strict)) step(scan);
  if (scan.ignored || (scan.failed && reader.strict)) return null;
  return finish(scan, at);
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
    fail(scan, `Bad argument \`${text}'`, word, 1, true);
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
  if (negated && !spec.negatable)
    wrong(spec.refuses?.inverted ?? `${extension}: option "${longName(spec)}" cannot be inverted.\n`);
  if (!REPEATABLE.has(extension) && owner.given.some((g) => g.name === spec.name))
    wrong(usedTwice(extension, spec));
  if (spec.warns !== undefined) scan.reader.warn(spec.warns, word);
  owner.given.push({ name: spec.name, negated, args, position: word.position });
}

/** The spelling that iptables uses in messages. */
function longName(spec: OptionSpec): string {
  return spec.aliases?.find((alias) => /^--(source|destination)-/.test(alias)) ?? spec.name;
}

/** `tcp_parse()` (extensions/libxt_tcp.c) has words of its own. */
function usedTwice(extension: string, spec: OptionSpec): string {
  if (spec.refuses?.twice) return spec.refuses.twice;
  if (extension !== 'tcp') return `${extension}: option "${longName(spec)}" can only be used once.\n`;
  if (spec.name === '--syn' || spec.name === '--tcp-flags')
    return "Only one of `--syn' or `--tcp-flags'  allowed";
  return `Only one \`${longName(spec)}' allowed`;
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
  // These look at argv[optind - 1], so that `-ptcp` and `--protocol=tcp` are taken whole (`do_parse()`).
  const whole = value && scan.reader.strict && 'psdjio'.includes(letter) ? word : argument;
  if (whole) withArgument(scan, letter, whole, word);
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
  else if (isTargetName(text, scan.reader.version))
    fail(scan, 'chain name may not clash with target name', at);
  else if (/\s/.test(text)) fail(scan, `Invalid chain name \`${text}'`, at);
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
      if (Number(letter) === version) return;
      if (scan.reader.table !== null) scan.ignored = true;
      else fail(scan, '', word, 1, true);
      return;
  }
}

/** Messages of the guided option parser (libxtables/xtoptions.c) end in a line end of their own. */
const GUIDED =
  /: (option "--?[^"]*" |bad (integer )?value for option |Too many components |Argument to |trailing garbage )|^Port "|^log level /;

function finish(scan: Scan, at: Position): Command | null {
  const { reader } = scan;
  const table = reader.table ?? scan.table?.text ?? 'filter';
  const named = scan.protocol === 0 ? null : scan.protocol;
  const protocol: RuleProtocol = scan.protocolNegated
    ? { is: null, isNot: named }
    : { is: named, isNot: null };
  const complain = (message: string, position: Position, length: number): void => {
    if (isByKernel(message) && reader.strict)
      scan.refusedByKernel = message === KERNEL_OUT_OF_RANGE ? 'ERANGE' : 'EINVAL';
    else fail(scan, GUIDED.test(message) ? `${message}\n` : message, position, length);
  };
  checkNatDrop(scan, table);
  const loaded = scan.matches.map((m) => matchStep(m, protocol, reader.version, complain, reader.names));
  const target = scan.target && targetStep(scan.target, protocol, reader.version, complain, reader.names);
  if (scan.letters.length === 0 && !scan.failed) fail(scan, 'no command specified', at);
  if (scan.inverted) fail(scan, 'nothing appropriate following !', scan.inverted);
  readNetworks(scan);
  const matches = [
    ...loaded,
    ...scan.matches
      .slice(loaded.length)
      .map((m) => matchStep(m, protocol, reader.version, complain, reader.names)),
  ];
  checkCommand(scan);
  const heads = headSteps(scan, at, protocol, complain);
  if ((scan.failed && reader.strict) || scan.letters.length === 0) return null;
  const main = scan.letters.find((letter) => letter === 'L' || letter === 'S') ?? scan.letters[0];
  const zero = scan.letters.find((letter) => letter !== main && (letter === 'Z' || letter === 'z'));
  return {
    letter: main,
    zero: zero === 'Z' || zero === 'z' ? zero : null,
    table,
    chain: scan.chain,
    number: scan.number,
    argument: scan.argument,
    counters: scan.counters,
    numeric: scan.flags.has('n'),
    verbose: scan.flags.has('v'),
    exact: scan.flags.has('x'),
    lineNumbers: scan.flags.has('0'),
    refusedByKernel: scan.refusedByKernel,
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
