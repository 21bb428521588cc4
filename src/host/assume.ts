import { IpAddress, parseAddress, parseNetwork } from '../address/ip.js';
import { parseMac } from '../address/mac.js';
import type { Device } from '../packet/device.js';
import { Protocol } from '../packet/numbers.js';
import type { Diagnostics } from '../source/diagnostic.js';
import { makeHostAddress, Scope, type HostAddress } from './addresses.js';
import { Assumptions } from './assumptions.js';
import { makeHost, type Host } from './host.js';
import { makeDevice, type Link } from './links.js';
import { Table, type RouteEntry } from './routeModel.js';
import type { ListeningSocket } from './sockets.js';

/** A host told in a few words instead of a snapshot. */
export interface AssumedHost {
  /** `198.51.100.2/24@eth0`. */
  readonly addresses?: readonly string[];
  /** `default via 198.51.100.1`, `10.0.0.0/8 via 192.168.1.9 dev eth1`, `blackhole 10.1.0.0/16`, as ip-route(8) takes them. */
  readonly routes?: readonly string[];
  /** `docker0=bridge`, `vethc0@docker0` (a port of the bridge), `eth0=02:00:00:00:01:01` (its MAC). */
  readonly interfaces?: readonly string[];
  /** `net.ipv4.ip_forward=0`. */
  readonly sysctls?: readonly string[];
  /** `tcp:22`, `udp:192.168.1.1:53`, `tcp:[::1]:80`. */
  readonly sockets?: readonly string[];
}

type MutableDevice = { -readonly [K in keyof Device]: Device[K] };

/** Makes a host of what the user told; connected and local routes follow from the addresses. */
export function assumeHost(told: AssumedHost, diagnostics: Diagnostics): Host {
  const assumptions = new Assumptions();
  assumptions.record(
    'snapshot',
    'There is no host snapshot; addresses, routes and settings are those given as options, or defaults.',
    true,
  );
  const devices = new Devices();
  devices.named('lo');
  for (const text of told.interfaces ?? [])
    if (!devices.describe(text))
      diagnostics.error(`not an interface: ${text}`, {
        advice: 'Write docker0=bridge, vethc0@docker0 or eth0=02:00:00:00:01:01.',
      });
  const addresses = [loopbackAddress(devices)];
  for (const text of told.addresses ?? []) {
    const address = parseOwn(text, devices);
    if (address) addresses.push(address);
    else
      diagnostics.error(`not an address of an interface: ${text}`, { advice: 'Write 198.51.100.2/24@eth0.' });
  }
  const moreRoutes: RouteEntry[] = [];
  for (const text of told.routes ?? []) {
    const route = parseToldRoute(text, devices, addresses);
    if (typeof route === 'string')
      diagnostics.error(`not a route: ${text}: ${route}`, {
        advice: 'Write default via 198.51.100.1, or 10.0.0.0/8 via 192.168.1.9 dev eth1.',
      });
    else moreRoutes.push(route);
  }
  const sysctls = new Map<string, string>();
  for (const text of told.sysctls ?? []) {
    const equals = text.indexOf('=');
    if (equals < 1) diagnostics.error(`not a sysctl: ${text}`, { advice: 'Write net.ipv4.ip_forward=1.' });
    else sysctls.set(text.slice(0, equals).trim(), text.slice(equals + 1).trim());
  }
  const sockets: ListeningSocket[] = [];
  for (const text of told.sockets ?? []) {
    const socket = parseToldSocket(text);
    if (socket) sockets.push(socket);
    else diagnostics.error(`not a socket: ${text}`, { advice: 'Write tcp:22 or udp:192.168.1.1:53.' });
  }
  return makeHost({
    links: devices.links,
    addresses,
    sysctls,
    ...(told.sockets === undefined ? {} : { sockets }),
    moreRoutes,
    assumptions,
    isNumbered: false,
  });
}

/** The interfaces as they are named, numbered from 1. */
class Devices {
  readonly links: Link[] = [];
  private readonly byName = new Map<string, MutableDevice>();

  named(name: string): MutableDevice {
    const known = this.byName.get(name);
    if (known) return known;
    const device: MutableDevice = makeDevice({ index: this.byName.size + 1, name });
    this.byName.set(name, device);
    this.links.push({
      device,
      up: true,
      multicast: name !== 'lo',
      broadcast: name !== 'lo',
      master: null,
      kind: '',
    });
    return device;
  }

  describe(text: string): boolean {
    const parts = /^([^\s/@=]{1,15})(?:@([^\s/@=]{1,15})|=(\S+))?$/.exec(text);
    if (!parts) return false;
    const device = this.named(parts[1]);
    if (parts[2] !== undefined) {
      const bridge = this.named(parts[2]);
      bridge.isBridge = true;
      if (bridge !== device) device.master = bridge;
    } else if (parts[3] === 'bridge') device.isBridge = true;
    else if (parts[3] !== undefined) {
      const mac = parseMac(parts[3]);
      if (!mac) return false;
      device.mac = mac;
    }
    return true;
  }
}

function loopbackAddress(devices: Devices): HostAddress {
  const address = new IpAddress(4, (127 << 24) | 1);
  return makeHostAddress({ device: devices.named('lo'), address, prefixLength: 8 });
}

function parseOwn(text: string, devices: Devices): HostAddress | undefined {
  const parts = /^([^/@\s]+)(?:\/(\d{1,3}))?@([^\s/@]{1,15})$/.exec(text);
  const address = parts ? parseAddress(parts[1]) : undefined;
  if (!parts || !address) return undefined;
  const width = address.version === 4 ? 32 : 128;
  const prefixLength = parts[2] === undefined ? width : Number(parts[2]);
  if (prefixLength > width) return undefined;
  return makeHostAddress({ device: devices.named(parts[3]), address, prefixLength });
}

const REFUSALS: ReadonlySet<string> = new Set(['blackhole', 'unreachable', 'prohibit']);

function parseToldRoute(text: string, devices: Devices, own: readonly HostAddress[]): RouteEntry | string {
  const words = text.trim().split(/\s+/);
  const type = REFUSALS.has(words[0])
    ? (words.shift() as 'blackhole' | 'unreachable' | 'prohibit')
    : 'unicast';
  const to = words.shift() ?? '';
  const options = new Map<string, string>();
  while (words.length > 0) {
    const key = words.shift()!;
    if (!['via', 'dev', 'src', 'metric', 'mtu'].includes(key)) return `${key} is not understood`;
    options.set(key, words.shift() ?? '');
  }
  const gateway = options.has('via') ? parseAddress(options.get('via')!) : null;
  if (gateway === undefined) return 'via takes an address';
  const src = options.get('src');
  const preferredSource = src === undefined ? null : (parseAddress(src) ?? null);
  const version = gateway?.version ?? preferredSource?.version ?? (to.includes(':') ? 6 : 4);
  const destination =
    to === 'default' ? parseNetwork(version === 4 ? '0.0.0.0/0' : '::/0') : parseNetwork(to);
  if (!destination) return 'no destination';
  const dev = options.get('dev');
  const device = dev ? devices.named(dev) : deviceOf(gateway, own);
  if (type === 'unicast' && !device) return 'no interface has the gateway in its subnet; add dev';
  return {
    version: destination.version,
    type,
    table: Table.main,
    destination,
    prefixLength: destination.prefixLength ?? 0,
    source: null,
    metric: Number(options.get('metric') ?? 0) || 0,
    tos: 0,
    scope: gateway ? Scope.universe : Scope.link,
    preferredSource,
    mtu: Number(options.get('mtu') ?? 0) || null,
    realm: 0,
    byKernel: false,
    nexthops: type === 'unicast' ? [{ device: device!, gateway, weight: 1 }] : [],
  };
}

function deviceOf(gateway: IpAddress | null, own: readonly HostAddress[]): Device | undefined {
  return gateway ? own.find((o) => o.network.includes(gateway))?.device : undefined;
}

function parseToldSocket(text: string): ListeningSocket | undefined {
  const parts = /^(tcp|udp|udplite|sctp|dccp):(?:(\[[^\]]+\]|[^:[\]]+):)?(\d{1,5})$/.exec(text);
  if (!parts || Number(parts[3]) > 0xffff) return undefined;
  const address = parts[2] === undefined ? null : parseAddress(parts[2].replace(/^\[|\]$/g, ''));
  if (address === undefined) return undefined;
  return {
    protocol: Protocol[parts[1] as 'tcp' | 'udp' | 'udplite' | 'sctp' | 'dccp'],
    address,
    versions: address ? [address.version] : [4, 6],
    device: '',
    port: Number(parts[3]),
    uid: undefined,
    programs: [],
  };
}
