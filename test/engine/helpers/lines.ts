import type { PredictedLine } from '../../../src/engine/events.js';

/** What a line says, to be held against that of another run: not where its text is kept, nor the rule of another ruleset. */
export function told(line: PredictedLine): Omit<PredictedLine, 'rule' | 'kept' | 'elsewhere'> {
  const { time, frame, level, prefix, text, doubt, uncaptured, guessed } = line;
  return { time, frame, level, prefix, text, doubt, uncaptured, guessed };
}
