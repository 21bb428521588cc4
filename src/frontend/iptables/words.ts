import type { Word } from '../../rules/options.js';

const SPACE = 0x20;
const TAB = 0x09;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * The words of a line as iptables-restore cuts them (`add_param_to_argv()`, iptables/xshared.c): blanks
 * part words; double quotes hold blanks, and inside them a backslash takes the next character as it is; a
 * closing quote ends the word. Single quotes and backslashes elsewhere are ordinary characters.
 * @param from where to begin, 0-based
 * @param unclosed called with the column of a quote that is never closed; its word goes to the end of the line
 */
export function restoreWords(
  line: string,
  from: number,
  file: string,
  lineNumber: number,
  unclosed: (column: number) => void,
): Word[] {
  const words: Word[] = [];
  const { length } = line;
  let at = from;
  while (at < length) {
    const start = at;
    let code = line.charCodeAt(at);
    if (code === SPACE || code === TAB) {
      at++;
      continue;
    }
    while (at < length && code !== SPACE && code !== TAB && code !== QUOTE) code = line.charCodeAt(++at);
    let text = line.slice(start, at);
    if (at < length && code === QUOTE) {
      const opened = at++;
      let taken = at;
      while (at < length && (code = line.charCodeAt(at)) !== QUOTE) {
        if (code === BACKSLASH) {
          text += line.slice(taken, at);
          taken = ++at;
        }
        at++;
      }
      text += line.slice(taken, at);
      if (at >= length) unclosed(opened + 1);
      at++;
    }
    words.push({ text, position: { file, line: lineNumber, column: start + 1 } });
  }
  return words;
}

/** A word so that `restoreWords` reads it back as it is; plain ones stay bare. */
export function quoteWord(text: string): string {
  if (text !== '' && !/[\s"]/.test(text)) return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
