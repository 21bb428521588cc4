import { type Filling, wholeText } from './expand.js';
import { documentParts } from './lexer.js';
import type { Redirection } from './syntax.js';
import type { HereDocument, ShellToken } from './token.js';

export type Stream = 'stdout' | 'stderr' | 'elsewhere';

/** Where a command reads and writes. */
export interface Streams {
  readonly input: Reading | null;
  readonly inputFile: string | null;
  readonly output: Stream;
  readonly errors: Stream;
  /** Takes what is printed, for a pipe or a substitution. */
  readonly printed: Printed | null;
}

/** A here-document of which the first lines may have been read. */
export interface Reading extends HereDocument {
  next: number;
}

export interface Printed {
  text: string;
  /** Something was printed that nobody knows here. */
  isUnknown: boolean;
}

/** A script's own. */
export const PLAIN: Streams = {
  input: null,
  inputFile: null,
  output: 'stdout',
  errors: 'stderr',
  printed: null,
};

/** Where a command's streams go; null where a word of it is not known. */
export function redirect(
  redirections: readonly Redirection[],
  streams: Streams,
  filling: Filling,
): Streams | null {
  let { input, inputFile, output, errors, printed } = streams;
  for (const { operator, word } of redirections) {
    if (word.document) {
      const document = documentOf(word, filling);
      if (!document) return null;
      input = { ...document, next: 0 };
      continue;
    }
    const text = wholeText(word.parts, word.position, filling);
    if (text === null) return null;
    const sign = operator.replace(/^\d/, '');
    if (sign === '<<<') input = { lines: text.split('\n'), firstLine: word.position.line, next: 0 };
    else if (sign === '<') [input, inputFile] = [null, text];
    else if (operator.startsWith('2')) errors = sign === '>&' && text === '1' ? output : 'elsewhere';
    else if (sign === '>&' && text === '2') [output, printed] = [errors, null];
    else if (sign.includes('>')) {
      [output, printed] = ['elsewhere', null];
      if (sign.startsWith('&')) errors = 'elsewhere';
    }
  }
  return { input, inputFile, output, errors, printed };
}

function documentOf({ document, position }: ShellToken, filling: Filling): HereDocument | null {
  if (!document || document.raw || !document.lines.some((line) => /[$`\\]/.test(line))) return document;
  const text = wholeText(documentParts(document.lines.join('\n'), position, filling), position, filling);
  return text === null ? null : { lines: text.split('\n'), firstLine: document.firstLine };
}
