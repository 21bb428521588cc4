import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Rules } from './rulesets.js';
import { writeHost } from './topology.js';
import { type Traffic, writeTraffic } from './traffic.js';

/** Files that measures are made with; each is made once, when it is asked for. */
export interface Inputs {
  readonly dir: string;
  capture(traffic: Traffic): string;
  host(name: string, rules: () => Rules): string;
}

export function createInputs(dir: string, scale: number): Inputs {
  mkdirSync(dir, { recursive: true });
  const made = (path: string, make: (beside: string) => void): string => {
    if (existsSync(path)) return path;
    make(`${path}.part`);
    renameSync(`${path}.part`, path);
    return path;
  };
  return {
    dir,
    capture(asked) {
      const packets = Math.max(100, Math.round(asked.packets * scale));
      const connections = Math.max(100, Math.round(asked.connections * scale));
      const { kind, step = 0, withCopies = false } = asked;
      const name = `${kind}-${packets}-${connections}-${step}${withCopies ? '-copies' : ''}.pcap`;
      return made(join(dir, name), (path) => writeTraffic(path, { ...asked, packets, connections }));
    },
    host: (name, rules) => made(join(dir, `host-${name}`), (path) => writeHost(path, rules())),
  };
}
