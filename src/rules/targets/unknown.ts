import type { TargetDefinition } from '../definition.js';
import { Verdict } from '../verdict.js';

/** A target that is not modelled or could not be read, word for word. */
export interface UnknownTarget {
  readonly name: string;
  /** With its `-j`, so that printing gives it back. */
  readonly text: string;
  /** What follows the name. */
  readonly options: string;
}

/** Stands where an action is that nobody can foresee. The walk goes on behind it, in doubt. */
export const unknownTarget: TargetDefinition<UnknownTarget, undefined> = {
  name: 'unknown',
  versions: [4, 6],
  options: [],
  parse: () => ({ name: '', text: '', options: '' }),
  print: (data) => data.text,
  list: (data) => data.options,
  unforeseen: true,
  writes: [],
  terminal: false,
  common: true,
  start: () => undefined,
  run(data, _packet, context) {
    context.note(`what ${data.name} does to the packet is not modelled`);
    return Verdict.continue;
  },
};
