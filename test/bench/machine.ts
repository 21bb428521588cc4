import { cpus, release, totalmem } from 'node:os';

/** The machine in a few words. */
export function machine(): string[] {
  const all = cpus();
  return [
    `${all.length} × ${all[0]?.model.trim() ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GB`,
    `Linux ${release().split('-')[0]}, Node.js ${process.versions.node}`,
  ];
}

/**
 * s of CPU that a loop takes that is always the same. Where it is much more at one time than at another, the machine
 * was busy, and figures of the two cannot be compared.
 */
export function pace(): number {
  const start = process.cpuUsage();
  let sum = 0;
  for (let i = 0; i < 2e8; i++) sum = (sum + i) | 0;
  const { user } = process.cpuUsage(start);
  return sum === 1 ? 0 : user / 1e6;
}
