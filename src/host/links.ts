import { parseMac } from '../address/mac.js';
import type { Device } from '../packet/device.js';
import { LinkKind } from '../packet/numbers.js';
import { integerIn, isObject, objectIn, stringIn, stringsIn, type JsonObject } from './json.js';

/** A device with what only the host needs to know about it. */
export interface Link {
  readonly device: Device;
  readonly up: boolean;
  readonly multicast: boolean;
  readonly broadcast: boolean;
  /** The master's name whatever it is (bridge, bond, VRF); `device.master` is a bridge only. */
  readonly master: string | null;
  /** `info_kind` of `ip -d link`: veth, bridge, vlan, vrf…; '' where not shown. */
  readonly kind: string;
  /** An interface of a VLAN: the one below it, and the id (IEEE 802.1Q, 12 bits). */
  readonly vlan?: { readonly below: string; readonly id: number };
}

/** ARPHRD_* by the name that iproute2 prints (lib/ll_types.c); an unknown one is printed as `[number]`. */
const LINK_TYPES: ReadonlyMap<string, number> = new Map([
  ['ether', LinkKind.ethernet],
  ['ppp', LinkKind.ppp],
  ['loopback', LinkKind.loopback],
  ['sit', LinkKind.sit],
  ['gre', LinkKind.ipgre],
  ['none', LinkKind.none],
  ['infiniband', 32],
  ['ipip', 768],
  ['tunnel6', 769],
  ['gre6', 823],
  ['ieee802.11', 801],
  ['ieee802.11/radiotap', 803],
  ['can', 280],
  ['slip', 256],
  ['rawip', 519],
  ['void', 0xffff],
]);

function linkKind(text: string | undefined): number {
  const known = LINK_TYPES.get(text ?? 'ether');
  if (known !== undefined) return known;
  const number = /^\[(\d{1,5})\]$/.exec(text ?? '');
  return number ? Number(number[1]) : LinkKind.none;
}

const NO_MAC = new Uint8Array(0);
/** Group names of /etc/iproute2/group; others are printed as numbers. */
const DEFAULT_GROUP = 'default';

type MutableDevice = { -readonly [K in keyof Device]: Device[K] };

/** Makes a device; what is not given is what an Ethernet interface has. */
export function makeDevice(given: Partial<Device> & Pick<Device, 'index' | 'name'>): Device {
  return {
    kind: given.name === 'lo' ? LinkKind.loopback : LinkKind.ethernet,
    mac: given.name === 'lo' ? new Uint8Array(6) : NO_MAC,
    master: null,
    isBridge: false,
    isLoopback: given.name === 'lo',
    mtu: given.name === 'lo' ? 65536 : 1500,
    group: 0,
    ...given,
  };
}

/** `ip -j -d link`, or `ip -j addr`, which says the same without the kinds. */
export function parseLinks(json: unknown): Link[] {
  const rows = Array.isArray(json) ? json.filter(isObject) : [];
  const links: Link[] = [];
  const byName = new Map<string, { link: Link; device: MutableDevice }>();
  for (const row of rows) {
    const link = parseLink(row);
    if (!link || byName.has(link.device.name)) continue;
    links.push(link);
    byName.set(link.device.name, { link, device: link.device });
  }
  for (const { link, device } of byName.values()) {
    const master = link.master === null ? undefined : byName.get(link.master);
    if (!master || master.device === device) continue;
    // `ip -j addr` has no linkinfo: a master that is nothing else is taken for a bridge.
    if (master.link.kind === '' && link.kind === '') master.device.isBridge = true;
    if (master.device.isBridge) device.master = master.device;
  }
  return links;
}

/** `ip -d` says the kind where there is one, and always how many queues there are. */
function kindShown(row: JsonObject, kind: string): string | null | undefined {
  if (kind !== '') return kind;
  return integerIn(row, 'num_tx_queues') === undefined ? undefined : null;
}

function parseLink(row: JsonObject): Link | undefined {
  const index = integerIn(row, 'ifindex');
  const name = stringIn(row, 'ifname');
  if (index === undefined || index < 1 || !name || name.length > 64) return undefined;
  const flags = stringsIn(row, 'flags');
  const info = objectIn(row, 'linkinfo');
  const kind = (info && stringIn(info, 'info_kind')) ?? '';
  const group = stringIn(row, 'group') ?? DEFAULT_GROUP;
  const below = stringIn(row, 'link');
  const data = info && objectIn(info, 'info_data');
  const id = kind === 'vlan' && data ? integerIn(data, 'id') : undefined;
  return {
    device: {
      index,
      name,
      kind: linkKind(stringIn(row, 'link_type')),
      linkKind: kindShown(row, kind),
      mac: parseMac(stringIn(row, 'address') ?? '') ?? NO_MAC,
      master: null,
      isBridge: kind === 'bridge',
      isLoopback: flags.includes('LOOPBACK'),
      mtu: integerIn(row, 'mtu') ?? 1500,
      group: /^\d{1,10}$/.test(group) ? Number(group) : 0,
    },
    up: flags.includes('UP'),
    multicast: flags.includes('MULTICAST'),
    broadcast: flags.includes('BROADCAST'),
    master: stringIn(row, 'master') ?? null,
    kind,
    ...(below !== undefined && id !== undefined && { vlan: { below, id } }),
  };
}
