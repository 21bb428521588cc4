import type { Diagnostics } from '../../source/diagnostic.js';
import type { Word } from '../../rules/options.js';
import type { IpSets } from '../../rules/sets/set.js';
import { addPlain, runIpset } from './command.js';

/** Most errors of one file that are told one by one. */
const MOST_ERRORS = 100;

/**
 * Reads what `ipset save` printed, or any text for `ipset restore`. What cannot be read is reported, the rest is kept.
 * @param sets to add to: several files make one host
 */
export function readIpsetSave(
  text: string,
  file: string,
  diagnostics: Diagnostics,
  sets: IpSets = new Map(),
): IpSets {
  let errors = 0;
  for (const [i, line] of text.split('\n').entries()) {
    if (addPlain(line, sets)) continue;
    const lineText = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (/^\s*(#|$)/.test(lineText)) continue;
    const words = splitWords(lineText, file, i + 1);
    const problem = runIpset(words, sets, 0);
    if (!problem) continue;
    if (++errors <= MOST_ERRORS) {
      const at = problem.at ?? words[0];
      diagnostics.error(problem.message, { position: at.position, length: at.text.length, lineText });
    }
  }
  if (errors > MOST_ERRORS)
    diagnostics.error(`${errors - MOST_ERRORS} more lines of ${file} could not be read`);
  return sets;
}

/** Words apart by blanks; double quotes hold a comment together. */
function splitWords(text: string, file: string, line: number): Word[] {
  const words: Word[] = [];
  for (const found of text.matchAll(/"([^"]*)"?|[^\s"]+/g))
    words.push({ text: found[1] ?? found[0], position: { file, line, column: found.index + 1 } });
  return words;
}
