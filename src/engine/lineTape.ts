import type { Rule } from '../rules/model.js';
import type { KeptText } from '../source/keptText.js';
import { Tape } from '../source/tape.js';
import type { PredictedLine } from './events.js';

const FIELDS: readonly PredictedLine['guessed'][] = [null, 'ID', 'FLOWLBL'];
/** Bits behind the level, which has three. */
const GUESSED = 3;
const UNCAPTURED = 1 << 5;
const DOUBTFUL = 1 << 6;

/** Keeps predicted lines, however many they are. */
export function createLineTape(): Tape<PredictedLine> {
  const rules = createNumbering<Rule | null>();
  const prefixes = createNumbering<string>();
  return new Tape<PredictedLine>({
    write({ time, frame, rule, level, prefix, text, doubt, uncaptured, guessed }, to) {
      to.number(time);
      to.number(frame);
      to.int(rules.numberOf(rule));
      to.int(prefixes.numberOf(prefix));
      to.int(
        level |
          (FIELDS.indexOf(guessed) << GUESSED) |
          (uncaptured ? UNCAPTURED : 0) |
          (doubt === null ? 0 : DOUBTFUL),
      );
      if (doubt !== null) to.string(doubt);
      to.text(text);
    },
    read(from) {
      const time = from.number();
      const frame = from.number();
      const rule = rules.at(from.int());
      const prefix = prefixes.at(from.int());
      const flags = from.int();
      const doubt = flags & DOUBTFUL ? from.string() : null;
      return new KeptLine(time, frame, rule, flags, prefix, doubt, from.text());
    },
  });
}

/** Its text is read when it is asked for. */
class KeptLine implements PredictedLine {
  constructor(
    readonly time: number,
    readonly frame: number,
    readonly rule: Rule | null,
    private readonly flags: number,
    readonly prefix: string,
    readonly doubt: string | null,
    readonly kept: KeptText,
  ) {}

  get text(): string {
    return this.kept.toString();
  }

  get level(): number {
    return this.flags & 7;
  }

  get uncaptured(): boolean {
    return (this.flags & UNCAPTURED) !== 0;
  }

  get guessed(): PredictedLine['guessed'] {
    return FIELDS[(this.flags >> GUESSED) & 3];
  }
}

/** Numbers for values of which there are few. */
function createNumbering<T>() {
  const values: T[] = [];
  const numbers = new Map<T, number>();
  return {
    numberOf(value: T): number {
      let number = numbers.get(value);
      if (number === undefined) {
        numbers.set(value, (number = values.length));
        values.push(value);
      }
      return number;
    },
    at: (number: number): T => values[number],
  };
}
