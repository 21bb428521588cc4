import { type IpAddress, IpNetwork } from '../../address/ip.js';
import type { Host } from '../../host/host.js';
import { type NatRange } from '../../rules/context.js';
import type { IpMatch } from '../../rules/matches/ip.js';
import type { Ruleset, Step } from '../../rules/model.js';

/** Networks of fewer addresses than all: what a rule says of everybody says nothing. */
const SHORTEST = { 4: 8, 6: 16 } as const;
/** Networks of IPv6 that are looked through for each packet. */
const MOST_NETWORKS = 64;

/** The addresses that translations give or take, as far as rules and interfaces tell; all others stay as they are. */
export class Translated {
  /** Each mask, and at the same place the networks under it. */
  private readonly masks4: number[] = [];
  private readonly networks4: Words[] = [];
  private readonly networks6: IpNetwork[] = [];
  private readonly ranges4: (readonly [min: number, max: number])[] = [];

  static of(ruleset: Ruleset, host: Host): Translated {
    const all = new Translated();
    const steps = ruleset.tables.flatMap((table) =>
      [...table.chains.values()].flatMap((chain) => chain.rules.map(({ steps }) => ({ table, steps }))),
    );
    if (!steps.some(({ steps }) => steps.some(translates))) return all;
    for (const { address } of host.addresses) all.addNetwork(whole(address));
    // What was not told is not asked for: it would be an assumption.
    const { routes4 = [], routes6 = [], moreRoutes = [] } = host.parts;
    const routes = [...routes4, ...routes6, ...moreRoutes];
    const outside = new Set(
      routes.flatMap(({ prefixLength, nexthops }) =>
        prefixLength === 0 ? nexthops.map(({ device }) => device) : [],
      ),
    );
    for (const { device, network } of host.addresses)
      if (!device.isLoopback && !outside.has(device)) all.addNetwork(network);
    for (const { table, steps: of } of steps)
      if (table.name === 'nat' && !table.nft) for (const step of of) all.addStep(step);
    return all;
  }

  has4(address: number): boolean {
    const { masks4, networks4, ranges4 } = this;
    for (let i = 0; i < masks4.length; i++) if (networks4[i].has(address & masks4[i])) return true;
    for (let i = 0; i < ranges4.length; i++)
      if (address >>> 0 >= ranges4[i][0] && address >>> 0 <= ranges4[i][1]) return true;
    return false;
  }

  has6(a: number, b: number, c: number, d: number): boolean {
    for (const network of this.networks6) if (network.contains(a, b, c, d)) return true;
    return false;
  }

  private addStep(step: Step): void {
    if (step.kind === 'match' && step.definition.name === 'ip') {
      const { source, destination } = step.data as IpMatch;
      for (const one of [source, destination]) if (one && !one.negated) this.addNetwork(one.value);
    } else if (step.kind === 'target' && step.definition.translates) {
      const { minAddress: min, maxAddress: max } = step.data as Partial<NatRange>;
      if (!min || !max) return;
      if (min.equals(max)) this.addNetwork(whole(min));
      else if (min.version === 4) this.ranges4.push([min.a >>> 0, max.a >>> 0]);
    }
  }

  private addNetwork(network: IpNetwork): void {
    const { version, address, mask, prefixLength = 0 } = network;
    if (prefixLength < SHORTEST[version]) return;
    if (version === 4) {
      let place = this.masks4.indexOf(mask.a);
      if (place < 0) {
        place = this.masks4.push(mask.a) - 1;
        this.networks4.push(new Words());
      }
      this.networks4[place].add(address.a);
    } else if (this.networks6.length < MOST_NETWORKS) this.networks6.push(network);
  }
}

/** The step may give a packet another address. */
function translates(step: Step): boolean {
  return step.kind === 'target'
    ? step.definition.translates !== undefined
    : step.kind === 'statement' && step.statement.kind === 'nat';
}

function whole(address: IpAddress): IpNetwork {
  return IpNetwork.ofPrefix(address, address.version === 4 ? 32 : 128);
}

/** A set of 32-bit words: it is asked twice for each packet, and a Set takes several times as long. */
class Words {
  private words = new Int32Array(16);
  private taken = new Uint8Array(16);
  private count = 0;

  has(word: number): boolean {
    return this.taken[this.placeOf(word)] !== 0;
  }

  add(word: number): void {
    const place = this.placeOf(word);
    if (this.taken[place] !== 0) return;
    this.taken[place] = 1;
    this.words[place] = word;
    if (2 * ++this.count > this.words.length) this.grow();
  }

  /** Where it is, or would be. */
  private placeOf(word: number): number {
    const { words, taken } = this;
    const last = words.length - 1;
    const hash = Math.imul(word, 0x9e3779b1);
    let place = (hash ^ (hash >>> 15)) & last;
    while (taken[place] !== 0 && words[place] !== word) place = (place + 1) & last;
    return place;
  }

  private grow(): void {
    const { words, taken } = this;
    this.words = new Int32Array(2 * words.length);
    this.taken = new Uint8Array(2 * words.length);
    this.count = 0;
    for (let i = 0; i < words.length; i++) if (taken[i] !== 0) this.add(words[i]);
  }
}
