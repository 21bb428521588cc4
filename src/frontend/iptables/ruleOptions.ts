import { findMatch } from '../../rules/matches/index.js';
import type { Word } from '../../rules/options.js';
import { parseProtocol } from '../../rules/protocols.js';
import { findTarget } from '../../rules/targets/index.js';
import type { Position } from '../../source/text.js';
import { isAddedMatch, isAddedTarget, isMatchName, isTargetName } from './extensionNames.js';
import { parseNetworks } from './networks.js';
import { fail, INTERFACE_SIZE, NAME_SIZE, optionalWord, rawWords, type Scan, setFlag } from './scan.js';
import { headStep, load, type RuleProtocol, type Specification, stray } from './specification.js';

/** What a rule says by itself or loads by name: -s -d -p -i -o -m -j -g -t -c. */
export function withArgument(scan: Scan, letter: string, argument: Word, word: Word): void {
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

export function addHead(scan: Scan, name: string, word: Word, args: readonly Word[]): void {
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
  addHead(scan, `-${letter}`, word, [argument]);
}

/** Reads the addresses of -s and -d, which iptables does last of all (`ipv4_post_parse()`, iptables/xshared.c). */
export function readNetworks(scan: Scan): void {
  for (const name of ['-s', '-d']) {
    const option = scan.head.get(name);
    if (!option) continue;
    const [argument] = option.args;
    const networks = parseNetworks(argument.text, scan.reader.version);
    if ('problem' in networks) {
      fail(scan, networks.problem, argument);
      scan.head.delete(name);
      const raw = [...(option.negated ? ['!'] : []), name, argument.text];
      scan.matches.push(stray(argument, raw));
    } else if (name === '-s') scan.sources = networks.texts;
    else scan.destinations = networks.texts;
  }
  const many = (scan.sources?.length ?? 0) > 1 || (scan.destinations?.length ?? 0) > 1;
  const negated = [scan.head.get('-s'), scan.head.get('-d')].find((option) => option?.negated);
  if (many && negated)
    fail(scan, '! not allowed with multiple source or destination IP addresses', negated.args[0]);
}

/** Routing, fragment, AH and destination options: never the last header (`is_exthdr()`, iptables/xshared.c). */
const EXTENSION_HEADERS: ReadonlySet<number> = new Set([43, 44, 51, 60]);

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
  if (scan.reader.version === 6 && !scan.inverted && EXTENSION_HEADERS.has(protocol))
    scan.reader.warn(`Warning: never matched protocol: ${text}. use extension match instead.`, argument);
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
  if (/[/ ]/.test(argument.text))
    scan.reader.warn(
      `Warning: weird character in interface \`${argument.text}' ('/' and ' ' are not allowed by the kernel).`,
      argument,
    );
  addHead(scan, `-${letter}`, word, [argument]);
}

function matchOption(scan: Scan, name: Word): void {
  const { reader } = scan;
  if (scan.inverted) fail(scan, 'unexpected ! flag before --match', scan.inverted);
  const definition = findMatch(name.text, reader.version) ?? null;
  const usable = definition?.name === 'ip' ? null : definition;
  if (!usable && (isMatchName(name.text, reader.version) || isAddedMatch(name.text)))
    reader.unmodelled('match', name);
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
  const isTarget = isTargetName(name.text, reader.version) || isAddedTarget(name.text);
  if (!definition && !isTarget) return;
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

/** One head for each pair of listed sources and destinations, in the order in which iptables adds them. */
export function headSteps(
  scan: Scan,
  at: Position,
  protocol: RuleProtocol,
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
