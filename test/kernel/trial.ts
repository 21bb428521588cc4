import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agreementText, compareRecording } from '../../src/lab/agreement.js';
import { record } from '../../src/lab/record.js';
import { runOf, type Scenario } from './scenario.js';

/** Gives a scenario to both kernels. '' where they agree, else what differs. */
export async function trial(scenario: Scenario, keep?: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'nfreplay-kernel-'));
  try {
    await record(runOf(scenario), directory);
    const text = agreementText(await compareRecording(directory));
    if (keep && text) {
      mkdirSync(keep, { recursive: true });
      cpSync(directory, keep, { recursive: true });
      writeFileSync(join(keep, 'ABOUT.md'), about(scenario, text));
    }
    return text;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function about(scenario: Scenario, text: string): string {
  const rules = scenario.rules.map((r) => `    ${r.table}: ${r.text}\n`).join('');
  return `${scenario.name}: ${scenario.rules.length} rules, ${scenario.packets.length} packets\n\n${rules}\n${text}\n`;
}

/** Takes away whatever the disagreement does not need: rules, settings, packets, in halves and then one by one. */
export async function shrink(scenario: Scenario, text: string, trials = 60): Promise<Scenario> {
  const [kind] = text.split('\n');
  if (kind === '') return scenario;
  let best = scenario;
  let left = trials;
  const still = async (candidate: Scenario): Promise<boolean> => {
    left--;
    return (await trial(candidate).catch(() => '')).startsWith(kind);
  };
  for (const part of ['packets', 'rules'] as const)
    for (
      let size = Math.ceil(best[part].length / 2);
      size >= 1 && left > 0;
      size = size > 1 ? Math.ceil(size / 2) : 0
    )
      for (let at = 0; at < best[part].length && left > 0;) {
        const without = { ...best, [part]: [...best[part].slice(0, at), ...best[part].slice(at + size)] };
        if (await still(without)) best = without;
        else at += size;
      }
  for (const name of Object.keys(best.sysctls)) {
    if (left <= 0) break;
    const sysctls = Object.fromEntries(Object.entries(best.sysctls).filter(([other]) => other !== name));
    if (await still({ ...best, sysctls })) best = { ...best, sysctls };
  }
  return best;
}
