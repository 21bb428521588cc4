import { networkInterfaces } from 'node:os';

/**
 * Notices when interfaces go down and come up again; `any` is all of them. What is known is of those that have an address
 * while they are up: the others are never said to be down.
 */
export function watchLinks(
  names: readonly string[],
): () => { readonly name: string; readonly isUp: boolean }[] {
  const wereUp = new Map<string, boolean>();
  return () => {
    const present = networkInterfaces();
    const changed = [];
    const watched = names.includes('any') ? new Set([...wereUp.keys(), ...Object.keys(present)]) : names;
    for (const name of watched) {
      const isUp = present[name] !== undefined;
      const before = wereUp.get(name);
      if (before === undefined && !isUp) continue;
      wereUp.set(name, isUp);
      if (before !== undefined && before !== isUp) changed.push({ name, isUp });
    }
    return changed;
  };
}
