import { readFileSync } from 'node:fs';

/** linux/if.h */
const IFF_UP = 1;

/** Whether an interface of this machine is up; null where nothing tells (`any`, no sysfs). */
export function isUp(name: string): boolean | null {
  if (name === 'any' || name.includes('/')) return null;
  try {
    return (Number(readFileSync(`/sys/class/net/${name}/flags`, 'utf8')) & IFF_UP) !== 0;
  } catch {
    return null;
  }
}
