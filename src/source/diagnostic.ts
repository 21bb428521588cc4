import { columnsOf } from './columns.js';
import { escapeControls, type Position } from './text.js';

export type Severity = 'error' | 'warning' | 'note';

/** One thing to tell the user about an input: what is wrong, where, and what to do about it. */
export interface Diagnostic {
  readonly severity: Severity;
  readonly message: string;
  readonly position?: Position;
  /** How many columns the caret underlines; 1 unless given. */
  readonly length?: number;
  /** The whole line that `position` points into. */
  readonly lineText?: string;
  /** What to do next, one sentence. */
  readonly advice?: string;
}

/** Collects what the readers of input have to say; nothing that a user can cause is thrown. */
export class Diagnostics {
  readonly list: Diagnostic[] = [];

  error(message: string, where: Omit<Diagnostic, 'severity' | 'message'> = {}): void {
    this.list.push({ severity: 'error', message, ...where });
  }

  warning(message: string, where: Omit<Diagnostic, 'severity' | 'message'> = {}): void {
    this.list.push({ severity: 'warning', message, ...where });
  }

  note(message: string, where: Omit<Diagnostic, 'severity' | 'message'> = {}): void {
    this.list.push({ severity: 'note', message, ...where });
  }

  get hasErrors(): boolean {
    return this.list.some((d) => d.severity === 'error');
  }
}

/** The longest piece of an input line that is shown above a caret, in columns. */
const SHOWN = 100;

/**
 * `file:line:column: severity: message`, then the line with a caret under the place, then the advice.
 * Everything from outside is escaped.
 */
export function formatDiagnostic(d: Diagnostic): string {
  const at = d.position ? `${escapeControls(d.position.file)}:${d.position.line}:${d.position.column}: ` : '';
  const lines = [`${at}${d.severity}: ${escapeControls(d.message)}`];
  if (d.position && d.lineText !== undefined) {
    const from = Math.max(0, d.position.column - 1 - Math.floor(SHOWN * 0.7));
    const before = escapeControls(d.lineText.slice(from, d.position.column - 1));
    const rest = escapeControls(d.lineText.slice(d.position.column - 1, from + SHOWN));
    const marked = escapeControls(
      d.lineText.slice(d.position.column - 1, d.position.column - 1 + (d.length ?? 1)),
    );
    const lead = from > 0 ? '…' : '';
    lines.push(`    ${lead}${before}${rest}`);
    const indent = columnsOf(lead + before);
    const carets = Math.max(1, Math.min(columnsOf(marked), SHOWN - indent));
    lines.push(`    ${' '.repeat(indent)}^${'~'.repeat(carets - 1)}`);
  }
  if (d.advice) lines.push(`    ${escapeControls(d.advice)}`);
  return lines.join('\n');
}
