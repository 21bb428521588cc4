import { type IpAddress, parseAddress } from '../address/ip.js';
import { type MacAddress, parseMac } from '../address/mac.js';
import type { Device } from '../packet/device.js';
import { isObject, stringIn } from './json.js';

/** Whom the host could reach at the time of the snapshot, by link-layer address. */
export interface Neighbour {
  readonly device: Device;
  readonly address: IpAddress;
  readonly mac: MacAddress;
}

/** `ip -j neigh`; entries without an address yet are left out. */
export function parseNeighbours(json: unknown, devices: ReadonlyMap<string, Device>): Neighbour[] {
  const neighbours: Neighbour[] = [];
  for (const row of Array.isArray(json) ? json.filter(isObject) : []) {
    const address = parseAddress(stringIn(row, 'dst') ?? '');
    const mac = parseMac(stringIn(row, 'lladdr') ?? '');
    const device = devices.get(stringIn(row, 'dev') ?? '');
    if (address && mac && device) neighbours.push({ device, address, mac });
  }
  return neighbours;
}
