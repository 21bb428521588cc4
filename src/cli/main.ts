import { CommanderError } from 'commander';
import { escapeControls } from '../source/text.js';
import { type Io, Status, Unusable } from './io.js';
import { createProgram } from './program.js';

/**
 * Runs one command line.
 * @param argv without the names of node and the program
 * @returns the exit status (docs/cli.md)
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  let status: number = Status.done;
  const program = createProgram(io, (result) => (status = result));
  try {
    await program.parseAsync(argv, { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? Status.done : Status.unusable;
    if (error instanceof Unusable) {
      if (error.message) io.stderr.write(`nfreplay: ${escapeControls(error.message)}\n`);
      for (const line of [error.advice].flat()) if (line) io.stderr.write(`    ${escapeControls(line)}\n`);
      return Status.unusable;
    }
    return defect(error, argv.includes('--verbose'), io);
  }
}

/** What nobody foresaw: one line, and the stack for whoever asks. */
export function defect(error: unknown, verbose: boolean, io: Pick<Io, 'stderr'>): number {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  io.stderr.write(`nfreplay: this is a defect of nfreplay, not of your input: ${escapeControls(message)}\n`);
  if (verbose && error instanceof Error) io.stderr.write(`${error.stack ?? ''}\n`);
  else io.stderr.write('    --verbose shows where; please report it with the command and its input\n');
  return Status.defect;
}
