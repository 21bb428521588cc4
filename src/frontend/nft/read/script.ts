import type { Word } from '../../../rules/options.js';
import type { NftRuleset } from '../../../rules/nft/model.js';
import type { Diagnostics } from '../../../source/diagnostic.js';
import type { Position } from '../../../source/text.js';
import { parseNft } from './parse.js';
import type { Include } from './preprocess.js';

/** Lines of all pieces, the empty ones before them too. */
const MOST_LINES = 1_000_000;

/** What the nft commands of a shell script say, one after the other, each on the line where it stands. */
export interface NftScript {
  /** `nft WORD…`, with what it reads for `-f -`. @returns false where it reads a file, which is not looked for */
  add(
    words: readonly Word[],
    input: { lines: readonly string[]; firstLine: number } | null,
    at: Position,
  ): boolean;
  /** null: no command of nft was in the script. */
  read(file: string, include: Include, diagnostics: Diagnostics): NftRuleset | null;
}

export function nftScript(): NftScript {
  /** A loop or a function goes back to lines that were before. */
  const pieces: string[][] = [];
  let lines = 0;
  const put = (text: string, line: number): void => {
    let piece = pieces.at(-1);
    if (!piece || line < piece.length) {
      piece = [];
      pieces.push(piece);
    }
    if (piece.length === line) {
      piece[line - 1] += `; ${text}`;
      return;
    }
    lines += line - piece.length;
    if (lines > MOST_LINES) return;
    while (piece.length < line - 1) piece.push('');
    piece.push(text);
  };
  return {
    add(words, input, at) {
      const file = fileOf(words);
      if (file === null) {
        const rest = words.filter(({ text }) => !/^-(?:-[a-z-]+|[a-zA-Z]+)$/.test(text));
        if (rest.length > 0 && rest[0].text !== 'list') put(rest.map(({ text }) => text).join(' '), at.line);
        return true;
      }
      if (!input || (file !== '-' && file !== '/dev/stdin')) return false;
      input.lines.forEach((text, i) => put(text, input.firstLine + i));
      return true;
    },
    read(file, include, diagnostics) {
      if (lines > MOST_LINES) diagnostics.error('the script gives nft too much: what came last is left out');
      if (pieces.length === 0) return null;
      const texts = pieces.map((piece) => ({ file, text: piece.join('\n') }));
      // Each piece counts its lines as the script does, so they cannot be one text.
      return parseNft(`include "${WHOLE}"\n`, file, diagnostics, (pattern, from) =>
        pattern === WHOLE ? texts : include(pattern, from),
      );
    },
  };
}

const WHOLE = '\u0000script';

/** The file after `-f`; null where there is no such option. */
function fileOf(words: readonly Word[]): string | null {
  const at = words.findIndex(({ text }) => text === '--file' || /^-[a-zA-Z]*f$/.test(text));
  return at < 0 ? null : (words.at(at + 1)?.text ?? '');
}
