import { Status } from '../io.js';
import { manualPage } from '../manual.js';
import { createProgram } from '../program.js';
import { shapesOf } from '../shape.js';
import type { Terminal } from '../terminal.js';

/** `nfreplay man`: prints the manual page. */
export async function man(_args: readonly string[], _options: object, terminal: Terminal): Promise<number> {
  const program = createProgram(terminal.io, () => undefined);
  const head = { version: program.version() ?? '', description: program.description() };
  await terminal.print(manualPage(head, shapesOf(program)));
  return Status.done;
}
