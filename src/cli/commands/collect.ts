import { spawn } from 'node:child_process';
import { collectScript } from '../../host/collect.js';
import { Status, Unusable } from '../io.js';
import type { CollectOptions } from '../options.js';
import type { Terminal } from '../terminal.js';

/** `nfreplay collect`: prints the script that makes a host snapshot, or runs it here. */
export async function collect(
  _args: readonly string[],
  { run }: CollectOptions,
  terminal: Terminal,
): Promise<number> {
  if (run === undefined) {
    await terminal.print(collectScript());
    return Status.done;
  }
  if (process.getuid?.() !== 0)
    terminal.warn('without root the rules and the connections stay unread: use sudo');
  await runScript(run, terminal);
  return Status.done;
}

/** @throws Unusable where the script cannot be run, or refuses */
async function runScript(dir: string, { io }: Terminal): Promise<void> {
  const child = spawn('sh', ['-c', collectScript(), 'collect.sh', dir], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.on('data', (text: Buffer) => void io.stdout.write(text));
  child.stderr.on('data', (text: Buffer) => void io.stderr.write(text));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', (error) => reject(new Unusable(`sh cannot be run: ${error.message}`)));
    child.on('close', resolve);
  });
  // The script has said why.
  if (status !== 0) throw new Unusable('');
}
