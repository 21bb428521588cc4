import { completionScript, type Shell } from '../completion.js';
import { createProgram } from '../program.js';
import { shapesOf } from '../shape.js';
import { Status } from '../io.js';
import type { Terminal } from '../terminal.js';

/** `nfreplay completion`: prints the completions of a shell. */
export async function completion(
  [shell]: readonly string[],
  _options: object,
  terminal: Terminal,
): Promise<number> {
  const commands = shapesOf(createProgram(terminal.io, () => undefined));
  await terminal.print(completionScript(shell as Shell, commands));
  return Status.done;
}
