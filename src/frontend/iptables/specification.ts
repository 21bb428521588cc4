import type { MatchDefinition, TargetDefinition } from '../../rules/definition.js';
import { ip } from '../../rules/matches/ip.js';
import { unknownMatch, type UnknownMatch } from '../../rules/matches/unknown.js';
import type { MatchStep, TargetStep } from '../../rules/model.js';
import {
  type GivenOption,
  type HostNames,
  OptionList,
  type OptionSpec,
  type Word,
} from '../../rules/options.js';
import { isByKernel } from '../../rules/refusal.js';
import { unknownTarget, type UnknownTarget } from '../../rules/targets/unknown.js';
import type { Position } from '../../source/text.js';
import { quoteWord } from './words.js';

/** What a rule says, before it stands in a chain. */
export interface Specification {
  /** What -s -d -i -o -p -f say, one for each pair of listed addresses; null where they say nothing. */
  readonly heads: readonly (MatchStep | null)[];
  readonly matches: readonly MatchStep[];
  /** The target's options as a step; null without -j, and where -j names no extension. */
  readonly target: TargetStep | null;
  /** What -j or -g names: a target or a chain, which only the table can tell. */
  readonly jump: Word | null;
  readonly goto: boolean;
}

/** An extension that a rule has named, and the options given to it so far. */
export interface Loaded {
  readonly kind: 'match' | 'target';
  /** null: not modelled; what is given to it is kept word for word. */
  readonly definition: MatchDefinition | TargetDefinition | null;
  readonly options: readonly OptionSpec[];
  readonly name: Word;
  /** What brings it: `-m name`, `-j name`; nothing for words that belong to no extension. */
  readonly lead: readonly string[];
  readonly given: GivenOption[];
  readonly raw: string[];
  broken: boolean;
}

/** What -p says, and what `! -p` says; at most one of them is not null. */
export interface RuleProtocol {
  readonly is: number | null;
  readonly isNot: number | null;
}

export const ANY_PROTOCOL: RuleProtocol = { is: null, isNot: null };

export type Complain = (message: string, position: Position, length: number) => void;

const NO_OPTIONS: readonly OptionSpec[] = [];

/** Begins an extension; `definition` null where it is not modelled. */
export function load(
  kind: 'match' | 'target',
  definition: MatchDefinition | TargetDefinition | null,
  name: Word,
): Loaded {
  // Protocol matches that load by themselves print as if -m had been given, under their own name.
  const shown = kind === 'match' && definition ? definition.name : name.text;
  return {
    kind,
    definition,
    options: definition?.options ?? NO_OPTIONS,
    name,
    lead: [kind === 'match' ? '-m' : '-j', shown],
    given: [],
    raw: [],
    broken: false,
  };
}

/** Words of a rule that belong to nothing known, kept so that the rule still tells what it said. */
export function stray(word: Word, raw: string[]): Loaded {
  return {
    kind: 'match',
    definition: null,
    options: NO_OPTIONS,
    name: word,
    lead: [],
    given: [],
    raw,
    broken: true,
  };
}

function verbatim(loaded: Loaded): string {
  return [...loaded.lead, ...loaded.raw].map(quoteWord).join(' ');
}

function unknownMatchStep(text: string, name: string): MatchStep {
  const data: UnknownMatch = { text, name };
  return { kind: 'match', definition: unknownMatch, data };
}

export function unknownTargetStep(loaded: Loaded): TargetStep {
  const options = loaded.raw.map(quoteWord).join(' ');
  const data: UnknownTarget = { name: loaded.name.text, text: verbatim(loaded), options };
  return { kind: 'target', definition: unknownTarget, data };
}

/** Lets the definition read its options; what it complains about, and what has none, becomes unknown. */
export function matchStep(
  loaded: Loaded,
  protocol: RuleProtocol,
  version: 4 | 6,
  complain: Complain,
  names: HostNames | null = null,
): MatchStep {
  const definition = loaded.definition as MatchDefinition | null;
  const data = definition && readOptions(loaded, definition, protocol, version, complain, names);
  if (!definition || loaded.broken) return unknownMatchStep(verbatim(loaded), loaded.name.text);
  return { kind: 'match', definition, data };
}

export function targetStep(
  loaded: Loaded,
  protocol: RuleProtocol,
  version: 4 | 6,
  complain: Complain,
  names: HostNames | null = null,
): TargetStep {
  const definition = loaded.definition as TargetDefinition | null;
  const data = definition && readOptions(loaded, definition, protocol, version, complain, names);
  if (!definition || loaded.broken) return unknownTargetStep(loaded);
  return { kind: 'target', definition, data };
}

function readOptions(
  loaded: Loaded,
  definition: { parse(options: OptionList): unknown },
  protocol: RuleProtocol,
  version: 4 | 6,
  complain: Complain,
  names: HostNames | null,
): unknown {
  // Words that are missing were complained about already.
  if (loaded.broken) return undefined;
  const list = new OptionList(
    loaded.given,
    loaded.name.position,
    (message, position, length) => {
      // What only the kernel refuses is still understood.
      if (!isByKernel(message)) loaded.broken = true;
      complain(message, position, length);
    },
    protocol.is,
    version,
    protocol.isNot,
    names,
  );
  return definition.parse(list);
}

/** The step for -s -d -i -o -p -f, or null where nothing was given. */
export function headStep(
  given: readonly GivenOption[],
  at: Position,
  protocol: RuleProtocol,
  version: 4 | 6,
  complain: Complain,
): MatchStep | null {
  if (given.length === 0) return null;
  let broken = false;
  const list = new OptionList(
    given,
    at,
    (message, position, length) => {
      broken = true;
      complain(message, position, length);
    },
    protocol.is,
    version,
    protocol.isNot,
  );
  const data = ip.parse(list);
  if (broken) {
    const words = given.flatMap((o) => [...(o.negated ? ['!'] : []), o.name, ...o.args.map((a) => a.text)]);
    return unknownMatchStep(words.map(quoteWord).join(' '), 'ip');
  }
  // `-s 0.0.0.0/0` and `-p all` ask for nothing.
  return Object.values(data).every((value) => value === null)
    ? null
    : { kind: 'match', definition: ip, data };
}
