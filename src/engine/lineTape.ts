import type { Rule } from '../rules/model.js';
import { type Chunk, KeptItem, type Place } from '../source/keptText.js';
import { numberAt, Tape, TapeReader } from '../source/tape.js';
import type { PredictedLine } from './events.js';

const FIELDS: readonly PredictedLine['guessed'][] = [null, 'ID', 'FLOWLBL', 'SEQ', 'OPT', 'UID'];

/** Words of a line before its doubt, if there is one, and its text. */
const At = { time: 0, frame: 2, rule: 4, prefix: 5, flags: 6, end: 7 } as const;

/** Bits behind the level, which has three, as what is guessed has. */
const GUESSED = 3;
const UNCAPTURED = 1 << 6;
const DOUBTFUL = 1 << 7;

/** Keeps predicted lines, however many they are. */
export function createLineTape(): Tape<PredictedLine> {
  const named: Named = { rules: createNumbering(), prefixes: createNumbering() };
  return new Tape<PredictedLine>({
    write(line, to) {
      const { time, frame, rule, level, prefix, kept, doubt, uncaptured, guessed } = line;
      to.number(time);
      to.number(frame);
      to.int(named.rules.numberOf(rule));
      to.int(named.prefixes.numberOf(prefix));
      to.int(
        level |
          (FIELDS.indexOf(guessed) << GUESSED) |
          (uncaptured ? UNCAPTURED : 0) |
          (doubt === null ? 0 : DOUBTFUL),
      );
      if (doubt !== null) to.string(doubt);
      to.text(kept ?? line.text);
    },
    read(from) {
      const { chunk, at } = from;
      from.at += At.end;
      if (chunk.words[at + At.flags] & DOUBTFUL) from.skipString();
      const text = from.at;
      from.skipText();
      return new KeptLine(chunk, at, text, named);
    },
  });
}

/** What lines have in common. */
interface Named {
  readonly rules: Numbering<Rule | null>;
  readonly prefixes: Numbering<string>;
}

/** A place on the tape: windows hold many of them, and few are asked for more than their time. */
class KeptLine extends KeptItem implements PredictedLine {
  constructor(
    chunk: Chunk,
    from: number,
    text: number,
    private readonly named: Named,
  ) {
    super(chunk, from, text);
  }

  get kind(): unknown {
    return this.named;
  }

  elsewhere({ chunk, from, at }: Place): this {
    return new KeptLine(chunk, from, at, this.named) as this;
  }

  get time(): number {
    return numberAt(this.chunk, this.from + At.time);
  }

  get frame(): number {
    return numberAt(this.chunk, this.from + At.frame);
  }

  get rule(): Rule | null {
    return this.named.rules.at(this.chunk.words[this.from + At.rule]);
  }

  get prefix(): string {
    return this.named.prefixes.at(this.chunk.words[this.from + At.prefix]);
  }

  get level(): number {
    return this.flags & 7;
  }

  get guessed(): PredictedLine['guessed'] {
    return FIELDS[(this.flags >> GUESSED) & 7];
  }

  get uncaptured(): boolean {
    return (this.flags & UNCAPTURED) !== 0;
  }

  get doubt(): string | null {
    if ((this.flags & DOUBTFUL) === 0) return null;
    return new TapeReader({ chunk: this.chunk, length: Infinity }, this.from + At.end).string();
  }

  get text(): string {
    return this.toString();
  }

  get kept(): this {
    return this;
  }

  private get flags(): number {
    return this.chunk.words[this.from + At.flags];
  }
}

interface Numbering<T> {
  numberOf(value: T): number;
  at(number: number): T;
}

/** Numbers for values of which there are few. */
function createNumbering<T>(): Numbering<T> {
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
