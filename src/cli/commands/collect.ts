import { collectScript } from '../../host/collect.js';
import { Status } from '../io.js';
import type { Terminal } from '../terminal.js';

/** `nfreplay collect`: prints the script that makes a host snapshot. */
export async function collect(terminal: Terminal): Promise<number> {
  await terminal.print(collectScript());
  return Status.done;
}
