import type { MatchDefinition } from '../definition.js';
import { Outcome } from '../verdict.js';

/** A part of a rule that is not modelled or could not be read, word for word. */
export interface UnknownMatch {
  /** With its `-m` or option name, so that printing gives it back. */
  readonly text: string;
  /** The extension's or option's name, for messages. */
  readonly name: string;
}

/** Stands where a test is that nobody can answer (design: unknown is a value). */
export const unknownMatch: MatchDefinition<UnknownMatch, undefined> = {
  name: 'unknown',
  versions: [4, 6],
  options: [],
  parse: () => ({ name: '', text: '' }),
  print: (data) => data.text,
  list: (data) => data.text,
  reads: () => [],
  pure: true,
  common: false,
  start: () => undefined,
  test: () => Outcome.unknown,
  explain: (data) => [
    { name: data.name, field: 'transport', wanted: data.text, saw: 'not modelled', outcome: Outcome.unknown },
  ],
};
