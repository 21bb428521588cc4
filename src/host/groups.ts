import { parseAddress } from '../address/ip.js';
import type { Device } from '../packet/device.js';
import type { HostAddress } from './addresses.js';
import { isObject, objectsIn, stringIn } from './json.js';
import type { Link } from './links.js';

/** The multicast groups that the host listens to, by device. */
export class Groups {
  private readonly joined = new Set<string>();

  /** @param complete the snapshot listed them; otherwise only those are known that every host joins */
  constructor(
    readonly complete: boolean,
    rows: Iterable<readonly [device: string, group: string]>,
  ) {
    for (const [device, group] of rows) this.joined.add(`${device} ${group}`);
  }

  has(device: Device, group: string): boolean {
    return this.joined.has(`${device.name} ${group}`);
  }
}

/** `ip -j maddr`. */
export function parseGroups(json: unknown): [device: string, group: string][] {
  const groups: [string, string][] = [];
  for (const row of Array.isArray(json) ? json.filter(isObject) : [])
    for (const group of objectsIn(row, 'maddr')) {
      const address = parseAddress(stringIn(group, 'address') ?? '');
      if (address) groups.push([stringIn(row, 'ifname') ?? '', address.toString()]);
    }
  return groups;
}

/**
 * Those joined without anybody asking: `ip_mc_up()` (224.0.0.1), RFC 4861 section 7.2.1 (all nodes, solicited-node),
 * RFC 4291 section 2.8 (all routers).
 */
export function standardGroups(
  links: readonly Link[],
  addresses: readonly HostAddress[],
  router6: boolean,
): [device: string, group: string][] {
  const groups: [string, string][] = [];
  const add = (link: Link, ...names: string[]): void => {
    for (const name of names) groups.push([link.device.name, name]);
  };
  const byDevice = new Map<Device, HostAddress[]>();
  for (const own of addresses) {
    const list = byDevice.get(own.device);
    if (list) list.push(own);
    else byDevice.set(own.device, [own]);
  }
  for (const link of links) {
    const own = byDevice.get(link.device) ?? [];
    add(link, '224.0.0.1');
    const v6 = own.filter((o) => o.address.version === 6);
    if (v6.length === 0) continue;
    add(link, 'ff01::1', 'ff02::1');
    if (router6) add(link, 'ff01::2', 'ff02::2', 'ff05::2');
    for (const { address } of v6) {
      const low = address.d & 0xffffff;
      const solicited = `ff02::1:ff${(low >>> 16).toString(16).padStart(2, '0')}:${(low & 0xffff).toString(16)}`;
      add(link, parseAddress(solicited)?.toString() ?? solicited);
    }
  }
  return groups;
}
