import { IpNetwork, parseAddress } from '../../address/ip.js';
import type { HostAddress } from '../../host/addresses.js';
import { makeHostAddress, Scope } from '../../host/addresses.js';
import { type RouteEntry, type RouteType, Table } from '../../host/routeModel.js';
import type { Device } from '../../packet/device.js';
import type { Clues } from './clues.js';
import type { Claim, Hypothesis } from './hypothesis.js';
import { KIND_BITS } from './ruleChanges.js';
import { otherwise } from './otherHost.js';

/** Routes looked at: a full table of the Internet is not gone through. */
const MOST_ROUTES = 64;
const MOST_DEVICES = 8;
const MOST_NEW = 24;

/** Routes that the host may not have, may have by another interface, or may have beyond those given. */
export function* routeChanges(clues: Clues): Generator<Hypothesis> {
  const { host } = clues.world;
  const devices = host.devices.filter((d) => !d.isLoopback && !d.master).slice(0, MOST_DEVICES);
  for (const family of ['routes4', 'routes6'] as const) {
    const routes = host.parts[family];
    if (!routes) continue;
    const own = routes
      .filter((r) => r.type === 'unicast' && r.table !== Table.local)
      .sort((a, b) => Number(a.byKernel) - Number(b.byKernel))
      .slice(0, MOST_ROUTES);
    const change = (given: RouteEntry | null, made: RouteEntry | null, bits: number): Hypothesis => {
      const facts = { given: given && routeText(given), host: made && routeText(made) };
      const rest = routes.filter((r) => r !== given);
      return {
        claim: { kind: 'route', facts },
        suspect: { route: facts.given ?? facts.host ?? '' },
        bits: KIND_BITS + 2 + bits,
        frames: null,
        change: () => ({ host: otherwise(host, { [family]: made ? [...rest, made] : rest }) }),
      };
    };
    const which = Math.log2(own.length + 1);
    for (const route of own) {
      yield change(route, null, which);
      for (const device of devices)
        if (route.nexthops.length === 1 && route.nexthops[0].device !== device)
          yield change(route, by(route, device), which + Math.log2(devices.length));
    }
    const version = family === 'routes4' ? 4 : 6;
    const known = new Set(own.map((r) => destinationText(r)));
    for (const { route, bits } of newRoutes(clues, version, devices).slice(0, MOST_NEW))
      if (!known.has(destinationText(route))) yield change(null, route, bits);
  }
}

function by(route: RouteEntry, device: Device): RouteEntry {
  return { ...route, preferredSource: null, nexthops: [{ device, gateway: null, weight: 1 }] };
}

function routeTo(
  destination: IpNetwork,
  prefixLength: number,
  device: Device,
  type: RouteType = 'unicast',
): RouteEntry {
  return {
    version: destination.version,
    type,
    table: type === 'local' ? Table.local : Table.main,
    destination,
    prefixLength,
    source: null,
    metric: 0,
    tos: 0,
    scope: type === 'local' ? Scope.host : Scope.link,
    preferredSource: null,
    mtu: null,
    realm: 0,
    byKernel: type === 'local',
    nexthops: [{ device, gateway: null, weight: 1 }],
  };
}

/** The subnets of its addresses, a default, and where the host's lines say that packets went. */
function newRoutes(
  clues: Clues,
  version: 4 | 6,
  devices: readonly Device[],
): { route: RouteEntry; bits: number }[] {
  const out: { route: RouteEntry; bits: number }[] = clues.world.host.addresses
    .filter((a) => a.address.version === version && !a.device.isLoopback)
    .map((a) => ({
      route: { ...routeTo(a.network, a.prefixLength, a.device), preferredSource: a.address },
      bits: 2,
    }));
  const anything = parseAddress(version === 4 ? '0.0.0.0' : '::');
  if (anything)
    for (const device of devices)
      out.push({
        route: routeTo(IpNetwork.ofPrefix(anything, 0), 0, device),
        bits: 2 + Math.log2(devices.length),
      });
  const went = new Map<string, { route: RouteEntry; bits: number }>();
  for (const { destination, out: name } of outgoing(clues)) {
    const device = devices.find((d) => d.name === name);
    const address = parseAddress(destination);
    if (!device || address?.version !== version) continue;
    for (const length of version === 4 ? [24, 16] : [64, 48])
      went.set(`${name} ${IpNetwork.ofPrefix(address, length).toString()}`, {
        route: routeTo(IpNetwork.ofPrefix(address, length), length, device),
        bits: 6,
      });
  }
  return [...out, ...went.values()];
}

/** By which interface the host's lines say that packets left for a destination. */
function outgoing({ fields, hostLines }: Clues): { destination: string; out: string }[] {
  return [
    ...fields.flatMap(({ field, host, destination }) =>
      field === 'OUT' && host ? [{ destination, out: host }] : [],
    ),
    ...hostLines.flatMap((line) => {
      const [out, destination] = [line.fields.get('OUT'), line.fields.get('DST')];
      return out && destination ? [{ destination, out }] : [];
    }),
  ];
}

function routeText(route: RouteEntry): string {
  const hops = route.nexthops.map(
    ({ gateway, device }) =>
      `${gateway ? ` via ${gateway.toString()}` : ''}${device ? ` dev ${device.name}` : ''}`,
  );
  return `${destinationText(route)}${hops.join(' nexthop')}`;
}

function destinationText({ destination, prefixLength }: RouteEntry): string {
  return prefixLength === 0 ? 'default' : `${destination.address.toString()}/${prefixLength}`;
}

/** Addresses looked at. */
const MOST_ADDRESSES = 16;

/** Addresses that an interface may have or not have: what is for them is the host's own. */
export function* addressChanges(clues: Clues): Generator<Hypothesis> {
  const { host } = clues.world;
  const own = host.addresses.filter((a) => !a.device.isLoopback).slice(0, MOST_ADDRESSES);
  const hypothesis = (
    facts: Extract<Claim, { kind: 'address' }>['facts'],
    without: HostAddress | null,
    made: HostAddress | null,
    bits: number,
  ): Hypothesis => ({
    claim: { kind: 'address', facts },
    suspect: { address: facts.given ?? facts.host ?? '', interface: facts.interface },
    bits: KIND_BITS + 3 + bits,
    frames: null,
    change: () => {
      const addresses = [...host.addresses.filter((a) => a !== without), ...(made ? [made] : [])];
      const family = (made ?? without)?.address.version === 6 ? 'routes6' : 'routes4';
      const routes = host.parts[family];
      const kept = routes?.filter((r) => !(without && isLocalRouteOf(r, without)));
      const length = made?.address.version === 6 ? 128 : 32;
      const added = made
        ? [routeTo(IpNetwork.ofPrefix(made.address, length), length, made.device, 'local')]
        : [];
      return { host: otherwise(host, { addresses, ...(kept && { [family]: [...kept, ...added] }) }) };
    },
  });
  const which = Math.log2(own.length + 1);
  for (const gone of own)
    yield hypothesis({ interface: gone.device.name, given: textOf(gone), host: null }, gone, null, which);
  for (const { device, destination } of delivered(clues)) {
    const address = parseAddress(destination);
    if (!address || host.addresses.some((a) => a.address.equals(address))) continue;
    const near = own.find((a) => a.device === device && a.address.version === address.version);
    const made = makeHostAddress({ device, address, prefixLength: near?.prefixLength ?? 32 });
    const about = { interface: device.name, host: textOf(made) };
    yield hypothesis({ ...about, given: null }, null, made, which + 2);
    if (near) yield hypothesis({ ...about, given: textOf(near) }, near, made, which);
  }
}

function isLocalRouteOf(route: RouteEntry, { address }: HostAddress): boolean {
  return route.type === 'local' && route.destination.address.equals(address);
}

function textOf({ address, prefixLength }: HostAddress): string {
  return `${address.toString()}/${prefixLength}`;
}

/** Destinations of packets that the host took for its own, and where they came in. */
function delivered({ hostLines, world: { host } }: Clues): { device: Device; destination: string }[] {
  const out = new Map<string, { device: Device; destination: string }>();
  for (const { fields } of hostLines) {
    const destination = fields.get('DST') ?? '';
    const device = host.devices.find((d) => d.name === fields.get('IN'));
    if (device && fields.get('OUT') === '' && destination !== '' && out.size < MOST_ADDRESSES)
      out.set(`${device.name} ${destination}`, { device, destination });
  }
  return [...out.values()];
}
