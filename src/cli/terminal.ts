import { type Diagnostic, Diagnostics, formatDiagnostic } from '../source/diagnostic.js';
import { type Io, type Output, write } from './io.js';

/** What every command takes. */
export interface TerminalOptions {
  readonly color?: 'auto' | 'always' | 'never';
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** Standard output for the report, standard error for everything else. */
export interface Terminal {
  readonly io: Io;
  readonly verbose: boolean;
  /** Whether the report is coloured. */
  readonly color: boolean;
  /** Columns of the report. */
  readonly width: number;
  /** Rows of the screen that it is shown on; undefined where it goes elsewhere. */
  readonly height: number | undefined;
  /** A piece of the report. */
  print(text: string): Promise<void>;
  /** Says what was collected since the last time: errors always, the rest unless quiet. */
  tell(diagnostics: Diagnostics): void;
  note(message: string): void;
  warn(message: string): void;
  /** Shows how far it is, on a terminal only. */
  progress(text: () => string): void;
}

/** Warnings and notes that are shown one by one; --verbose shows all. */
const MOST_WARNINGS = 30;
const MOST_ERRORS = 100;
/** Errors in the same words. */
const MOST_ALIKE = 3;
/** ms between two signs of progress. */
const PROGRESS_INTERVAL = 200;

export function createTerminal(io: Io, options: TerminalOptions): Terminal {
  const { quiet = false, verbose = false } = options;
  const told = new WeakMap<Diagnostics, number>();
  const warnings = new Set<string>();
  const times = new Map<string, number>();
  let shown = false;
  let last = 0;

  const say = (text: string): void => {
    if (shown) io.stderr.write('\r\u001b[K');
    shown = false;
    io.stderr.write(`${text}\n`);
  };
  return {
    io,
    verbose,
    color: usesColor(io.stdout, io.env, options.color),
    width: io.stdout.columns ?? 100,
    height: io.stdout.rows,
    async print(text) {
      if (shown) io.stderr.write('\r\u001b[K');
      shown = false;
      await write(io.stdout, text);
    },
    tell(diagnostics) {
      const news = diagnostics.list.slice(told.get(diagnostics) ?? 0);
      told.set(diagnostics, diagnostics.list.length);
      const all = news.filter((d) => d.severity === 'error');
      const errors = verbose ? all : all.filter((d) => count(d, times) <= MOST_ALIKE);
      // What is said of an extension is said once, however many files and rules use it.
      const others = quiet ? [] : news.filter((d) => d.severity !== 'error' && isNew(d, warnings));
      const most = verbose ? Infinity : MOST_WARNINGS;
      for (const d of errors.slice(0, MOST_ERRORS)) say(formatDiagnostic(d));
      for (const d of others.slice(0, most)) say(formatDiagnostic(d));
      const left = all.length - Math.min(errors.length, MOST_ERRORS);
      if (left > 0) say(`and ${left} more errors; --verbose shows all that are alike`);
      if (others.length > most) say(`and ${others.length - most} more warnings; --verbose shows all`);
    },
    note(message) {
      if (!quiet) say(formatDiagnostic({ severity: 'note', message }));
    },
    warn(message) {
      if (!quiet) say(formatDiagnostic({ severity: 'warning', message }));
    },
    progress(text) {
      if (quiet || io.stderr.isTTY !== true) return;
      const now = performance.now();
      if (now - last < PROGRESS_INTERVAL) return;
      last = now;
      shown = true;
      io.stderr.write(`\r\u001b[K${text()}`);
    },
  };
}

/** How often this has been said now. */
function count({ message }: Diagnostic, times: Map<string, number>): number {
  const n = (times.get(message) ?? 0) + 1;
  times.set(message, n);
  return n;
}

function isNew({ message }: Diagnostic, seen: Set<string>): boolean {
  if (seen.has(message)) return false;
  seen.add(message);
  return true;
}

/** NO_COLOR (https://no-color.org) counts where it is not empty; an explicit option counts more. */
function usesColor(
  stream: Output,
  env: Readonly<Record<string, string | undefined>>,
  option: TerminalOptions['color'] = 'auto',
): boolean {
  if (option !== 'auto') return option === 'always';
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}
