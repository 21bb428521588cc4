import type { Rule } from '../rules/model.js';
import { Tape } from '../source/tape.js';
import type { PredictedLine } from './events.js';

const FIELDS: readonly PredictedLine['guessed'][] = [null, 'ID', 'FLOWLBL'];
const UNCAPTURED = 8;
const DOUBTFUL = 16;

/** Keeps predicted lines, however many they are. */
export function createLineTape(): Tape<PredictedLine> {
  const rules: (Rule | null)[] = [null];
  const numbers = new Map<Rule | null, number>([[null, 0]]);
  const numberOf = (rule: Rule | null): number => {
    let number = numbers.get(rule);
    if (number === undefined) {
      numbers.set(rule, (number = rules.length));
      rules.push(rule);
    }
    return number;
  };
  return new Tape<PredictedLine>({
    write({ time, frame, rule, level, text, doubt, uncaptured, guessed }, to) {
      to.number(time);
      to.number(frame);
      to.number(numberOf(rule));
      to.byte(level);
      to.byte(FIELDS.indexOf(guessed) | (uncaptured ? UNCAPTURED : 0) | (doubt === null ? 0 : DOUBTFUL));
      if (doubt !== null) to.text(doubt);
      to.text(text);
    },
    read(from) {
      const time = from.number();
      const frame = from.number();
      const rule = rules[from.number()];
      const level = from.byte();
      const flags = from.byte();
      const doubt = flags & DOUBTFUL ? from.text() : null;
      return {
        time,
        frame,
        rule,
        level,
        text: from.text(),
        doubt,
        uncaptured: (flags & UNCAPTURED) !== 0,
        guessed: FIELDS[flags & 3],
      };
    },
  });
}
