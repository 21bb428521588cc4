import type { Device } from '../../packet/device.js';
import type { Hook } from '../../rules/hook.js';
import type { BaseChainProgram, Program } from '../walk/program.js';

const NONE: readonly BaseChainProgram[] = [];

/** What is registered below IP: on devices, for ARP and for bridges; each in order of priority. */
export class LinkHooks {
  private readonly chains: readonly BaseChainProgram[];
  private readonly onDevices = {
    ingress: new Map<string, readonly BaseChainProgram[]>(),
    egress: new Map<string, readonly BaseChainProgram[]>(),
  };

  constructor(program: Program) {
    this.chains = program.below;
  }

  get isEmpty(): boolean {
    return this.chains.length === 0;
  }

  /** Some chain of this family is there. */
  has(family: 'arp' | 'bridge'): boolean {
    return this.chains.some(({ chain }) => chain.table.family === family);
  }

  /** @param inet whether inet tables take part: not for what is no IP packet */
  on(device: Device, at: 'ingress' | 'egress', inet: boolean): readonly BaseChainProgram[] {
    if (this.isEmpty) return NONE;
    const known = this.onDevices[at].get(device.name);
    const all =
      known ??
      this.chains.filter(({ base: { below } }) => below?.at === at && below.devices.includes(device.name));
    if (!known) this.onDevices[at].set(device.name, all);
    return inet ? all : all.filter(({ chain }) => chain.table.family !== 'inet');
  }

  /** The chains of ARP or of bridges at a hook. */
  at(family: 'arp' | 'bridge', hook: Hook): readonly BaseChainProgram[] {
    return this.chains.filter(({ chain, base }) => chain.table.family === family && base.hook === hook);
  }
}
