import { mkdirSync, writeFileSync } from 'node:fs';
import { openCaptures } from '../capture/open.js';
import { conntrackEvent, conntrackText, kernelLog, saveText } from '../engine/state.js';
import { Diagnostics, formatDiagnostic } from '../source/diagnostic.js';
import { loadGiven, runReplay } from '../run.js';

export async function main(argv: readonly string[]): Promise<number> {
  const args = argv.slice(2);
  const cap = args[1];
  const host = args[args.indexOf('--host') + 1];
  const out = args[args.indexOf('--out') + 1];
  const diagnostics = new Diagnostics();
  const given = loadGiven({ hostDir: host }, diagnostics);
  for (const d of diagnostics.list) console.error(formatDiagnostic(d));
  const source = openCaptures([cap]);
  await source.open();
  mkdirSync(out, { recursive: true });
  const events: string[] = [];
  const { lines, replay } = await runReplay(source, given, {
    sinks: {
      created: (e, now) => events.push(conntrackEvent('NEW', e, now)),
      updated: (e, _bits, now) => events.push(conntrackEvent('UPDATE', e, now)),
      destroyed: (e, now) => events.push(conntrackEvent('DESTROY', e, now)),
    },
  });
  writeFileSync(`${out}/kernel.log`, [...kernelLog(lines)].join(''));
  for (const v of [4, 6] as const)
    writeFileSync(
      `${out}/${v === 4 ? 'iptables' : 'ip6tables'}-save.txt`,
      saveText(replay.kernel.program, v),
    );
  writeFileSync(`${out}/conntrack.txt`, conntrackText(replay.kernel.tracker, replay.lastTime));
  writeFileSync(`${out}/conntrack-events.txt`, events.map((e) => `${e}\n`).join(''));
  console.log(JSON.stringify({ ...replay.counts, skipped: [...replay.counts.skipped] }));
  return 0;
}
