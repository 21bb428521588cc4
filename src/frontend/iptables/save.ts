import type { Table } from '../../rules/model.js';
import type { Diagnostics } from '../../source/diagnostic.js';
import { readLines, type SourceText } from '../../source/lines.js';
import type { Position } from '../../source/text.js';
import type { Voice } from './apply.js';
import type { Problem } from './problem.js';
import { restore } from './restore.js';
import { isTableName, keepPolicies, newTable, type TableState } from './tables.js';
import type { Word } from '../../rules/options.js';

const SILENT: Voice = { out: () => undefined, err: () => undefined };

/**
 * Reads iptables-save (4) or ip6tables-save (6) text, with or without counters. Every rule comes back:
 * what is wrong in one is reported, and becomes a step of which the outcome is unknown.
 * @returns the tables in the order in which they stand in the text
 */
export function parseSave(text: string, file: string, version: 4 | 6, diagnostics: Diagnostics): Table[] {
  const source = readLines(text, file);
  const tables = new Map<string, TableState>();
  const tell = reporter(source, diagnostics);
  restore(source.lines, file, 1, {
    version,
    strict: false,
    names: null,
    hasEstimator: () => true,
    counters: true,
    noflush: false,
    test: false,
    only: null,
    open(name, at) {
      const first = tables.get(name);
      const state = newTable(name, version);
      if (first) {
        tell.warning(`table ${name} is given again: what was said of it before is dropped`, at);
        keepPolicies(first, state);
      }
      if (!isTableName(name))
        tell.error(`there is no table ${name} in ${version === 4 ? 'iptables' : 'ip6tables'}`, at);
      tables.set(name, state);
      return state;
    },
    commit: () => undefined,
    report: (problem) => tell.problem(problem),
    refused: (sentence, at) => tell.error(sentence, at),
    warn: (message, at) => tell.warning(message, at.position),
    unmodelled: (kind, name) => tell.unmodelled(kind, name),
    voice: SILENT,
  });
  return [...tables.values()].map((state) => state.table);
}

/** Turns what readers of rules have to say into diagnostics that show the line. */
export interface Reporter {
  problem(problem: Problem): void;
  error(message: string, at: Position): void;
  warning(message: string, at: Position): void;
  /** Said once for each extension. */
  unmodelled(kind: 'match' | 'target', name: Word): void;
}

export function reporter(source: SourceText, diagnostics: Diagnostics): Reporter {
  const said = new Set<string>();
  const where = (
    position: Position,
    length: number,
  ): { position: Position; length: number; lineText?: string } => ({
    position,
    length: Math.max(1, length),
    lineText: source.lines[position.line - 1],
  });
  return {
    problem: ({ message, position, length }) => diagnostics.error(message.trim(), where(position, length)),
    error: (message, at) => diagnostics.error(message, where(at, 1)),
    warning: (message, at) => diagnostics.warning(message, where(at, 1)),
    unmodelled(kind, name) {
      const key = `${kind} ${name.text}`;
      if (said.has(key)) return;
      said.add(key);
      diagnostics.warning(
        `the ${kind} ${name.text} is not modelled: where it decides, the outcome is unknown`,
        where(name.position, name.text.length),
      );
    },
  };
}
