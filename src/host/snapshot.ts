import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Device } from '../packet/device.js';
import { decodeText } from '../source/decode.js';
import type { Diagnostics } from '../source/diagnostic.js';
import { makeHostAddress, parseAddresses, type HostAddress } from './addresses.js';
import { Assumptions } from './assumptions.js';
import { parseClock } from './clock.js';
import { parseConntrack, type ConntrackEntry } from './conntrackText.js';
import { parseGroups } from './groups.js';
import { makeHost, type Host } from './host.js';
import { integerIn, isObject, objectIn, objectsIn, stringIn } from './json.js';
import { makeDevice, parseLinks, type Link } from './links.js';
import { parseNeighbours } from './neighbours.js';
import { Table, type RouteEntry } from './routeModel.js';
import { parseRoutes, parseRules, TableNames, type ParsedRoutes } from './routeText.js';
import { parseListeningSockets } from './sockets.js';
import { parseSysctls } from './sysctl.js';

/** Bytes of one snapshot file that are read at most; a JavaScript string holds half a billion characters. */
const MOST_BYTES = 256 * 1024 * 1024;

/** How many lines of one file are complained about one by one. */
const MOST_COMPLAINTS = 10;

/** The files of a snapshot that are read here, and what is taken where one is missing (cli.md). */
const MISSING = {
  'ip-link.json': 'The interfaces were taken from ip-addr.json or the routes, without their kinds.',
  'ip-addr.json': 'The host was taken to have the addresses that its local routes name, or none.',
  'ip-route.json': 'IPv4 routes were derived from the addresses; there is no default route.',
  'ip-6-route.json': 'IPv6 routes were derived from the addresses; there is no default route.',
  'ip-rule.json': 'IPv4 routing was taken to follow the tables local, main and default.',
  'sysctl.txt': "The kernel's defaults were assumed, but for forwarding, which was taken to be on.",
  'ss-listen.txt': 'Nothing was taken to listen on the host but what the capture shows to answer.',
  'conntrack.txt': 'No connection was taken to exist when the capture began.',
} as const;

/** Reads the files of a snapshot directory; what is wrong with one goes to `diagnostics` and counts as missing. */
class SnapshotFiles {
  constructor(
    private readonly dir: string,
    private readonly diagnostics: Diagnostics,
    private readonly assumptions: Assumptions,
  ) {}

  path(name: string): string {
    return join(this.dir, name);
  }

  /** undefined where there is no such file, or none that can be read. */
  text(name: string): string | undefined {
    const path = this.path(name);
    let text: string | undefined;
    try {
      const { size } = statSync(path);
      if (size > MOST_BYTES) {
        this.diagnostics.error(`${path} has ${size} bytes; no more than ${MOST_BYTES} are read`);
      } else text = decodeText(readFileSync(path));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
      if (code !== 'ENOENT' && code !== 'ENOTDIR') this.diagnostics.error(`${path} cannot be read: ${code}`);
    }
    if (text === undefined) this.missing(name);
    return text;
  }

  /** undefined also for an empty file: the command that was to write it did not run. */
  json(name: string): unknown {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (text.trim() === '') {
      this.missing(name);
      return undefined;
    }
    try {
      const value: unknown = JSON.parse(text);
      if (Array.isArray(value)) return value;
      this.complain(name, text, 0, 'no JSON array as ip -j prints it');
    } catch (error) {
      const message = error instanceof Error ? error.message : '';
      const at = /at position (\d+)/.exec(message);
      this.complain(name, text, at ? Number(at[1]) : text.length, 'not well-formed JSON');
    }
    this.missing(name);
    return undefined;
  }

  private complain(name: string, text: string, offset: number, words: string): void {
    const before = text.slice(0, offset);
    const line = before.split('\n').length;
    const start = before.lastIndexOf('\n') + 1;
    const end = text.indexOf('\n', start);
    this.diagnostics.error(words, {
      position: { file: this.path(name), line, column: offset - start + 1 },
      lineText: text.slice(start, end < 0 ? undefined : end),
      advice: 'The file counts as missing. Make the snapshot again with `nfreplay collect`.',
    });
  }

  private missing(name: string): void {
    if (name in MISSING)
      this.assumptions.record(
        name,
        `${name} is not there. ${MISSING[name as keyof typeof MISSING]}`,
        // The others matter only once something asks about them.
        name === 'ip-link.json' || name === 'ip-addr.json',
      );
  }
}

/**
 * Reads a host snapshot (cli.md, "A host snapshot is a directory"): the files about the host itself, not its rules.
 * Every file is optional; what is missing or unreadable is assumed, and said in `assumptions` of the host.
 */
export function readHost(dir: string, diagnostics: Diagnostics): Host {
  const assumptions = new Assumptions();
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory())
    diagnostics.error(`${dir} is no directory`, {
      advice: 'A host snapshot is a directory; `nfreplay collect` prints a script that makes one.',
    });
  const files = new SnapshotFiles(dir, diagnostics, assumptions);
  const addressJson = files.json('ip-addr.json');
  const linkJson = files.json('ip-link.json') ?? addressJson;
  const json4 = files.json('ip-route.json');
  const json6 = files.json('ip-6-route.json');
  const links = withLoopback(linkJson === undefined ? linksOfRoutes([json4, json6]) : parseLinks(linkJson));
  const devices = new Map(links.map((l) => [l.device.name, l.device]));

  const tables = new TableNames();
  const both = json4 === undefined ? undefined : parseRoutes(json4, 4, devices, tables);
  const only6 = json6 === undefined ? undefined : parseRoutes(json6, 6, devices, tables);
  for (const [name, parsed] of [
    ['ip-route.json', both],
    ['ip-6-route.json', only6],
  ] as const)
    reportSkipped(files.path(name), parsed, diagnostics);
  // `ip route show table all` lists both versions.
  const in4 = both?.entries.filter((e) => e.version === 6) ?? [];
  const routes4 = both?.entries.filter((e) => e.version === 4);
  const routes6 = only6?.entries.filter((e) => e.version === 6) ?? (in4.length > 0 ? in4 : undefined);

  const ruleJson = files.json('ip-rule.json');
  const rule6Json = files.json('ip-6-rule.json');
  const groupJson = files.json('ip-maddr.json');
  const sysctlText = files.text('sysctl.txt');
  const socketText = files.text('ss-listen.txt');
  const conntrackText = files.text('conntrack.txt');
  const neighbourJson = files.json('ip-neigh.json');
  // A recording keeps it beside the snapshot.
  const clockText = files.text('clock.json') ?? files.text('../clock.json');
  return makeHost({
    links,
    addresses:
      addressJson === undefined
        ? addressesOfRoutes([...(routes4 ?? []), ...(routes6 ?? [])])
        : parseAddresses(addressJson, devices),
    sysctls: sysctlText ? parseSysctls(sysctlText, files.path('sysctl.txt'), diagnostics) : new Map(),
    sockets:
      socketText === undefined
        ? undefined
        : parseListeningSockets(socketText, files.path('ss-listen.txt'), diagnostics),
    conntrack: conntrackText ? readConntrack(conntrackText, files.path('conntrack.txt'), diagnostics) : [],
    neighbours: parseNeighbours(neighbourJson, devices),
    bootTime: clockText === undefined ? null : parseClock(clockText),
    routes4,
    routes6,
    rules4: ruleJson === undefined ? undefined : parseRules(ruleJson, 4, tables),
    rules6: rule6Json === undefined ? undefined : parseRules(rule6Json, 6, tables),
    groups: groupJson === undefined ? undefined : parseGroups(groupJson),
    vrfTables: vrfTables(linkJson, links),
    assumptions,
  });
}

/** The devices that routes name, where nothing else lists them. */
function linksOfRoutes(listings: readonly unknown[]): Link[] {
  const names = new Set<string>();
  for (const rows of listings)
    for (const row of Array.isArray(rows) ? rows.filter(isObject) : [])
      for (const hop of [row, ...objectsIn(row, 'nexthops')]) {
        const name = stringIn(hop, 'dev');
        if (name) names.add(name);
      }
  return [...names].map((name, i) => ({
    device: makeDevice({ index: i + 1, name }),
    up: true,
    multicast: true,
    broadcast: true,
    master: null,
    kind: '',
  }));
}

/** The addresses that local routes were made for, each in the subnet of the connected route that holds it. */
function addressesOfRoutes(routes: readonly RouteEntry[]): HostAddress[] {
  const connected = new Map<Device | null, RouteEntry[]>();
  for (const route of routes) {
    if (!route.byKernel || route.type !== 'unicast' || route.nexthops[0].gateway) continue;
    const list = connected.get(route.nexthops[0].device);
    if (list) list.push(route);
    else connected.set(route.nexthops[0].device, [route]);
  }
  const addresses: HostAddress[] = [];
  for (const { type, table, prefixLength, version, destination, nexthops } of routes) {
    const device = nexthops[0]?.device;
    if (type !== 'local' || table !== Table.local || prefixLength !== (version === 4 ? 32 : 128) || !device)
      continue;
    const subnet = connected.get(device)?.find((c) => c.destination.includes(destination.address));
    const length = subnet?.prefixLength ?? prefixLength;
    addresses.push(makeHostAddress({ device, address: destination.address, prefixLength: length }));
  }
  return addresses;
}

function withLoopback(links: Link[]): Link[] {
  if (links.some((l) => l.device.isLoopback)) return links;
  const taken = new Set(links.map((l) => l.device.index));
  let index = 1;
  while (taken.has(index)) index++;
  const device = makeDevice({ index, name: 'lo' });
  return [{ device, up: true, multicast: false, broadcast: false, master: null, kind: '' }, ...links];
}

function reportSkipped(file: string, parsed: ParsedRoutes | undefined, diagnostics: Diagnostics): void {
  const skipped = parsed?.skipped ?? [];
  for (const words of skipped.slice(0, MOST_COMPLAINTS))
    diagnostics.warning(`${file}: a route is left out: ${words}`);
  if (skipped.length > MOST_COMPLAINTS)
    diagnostics.warning(`${file}: ${skipped.length - MOST_COMPLAINTS} more routes are left out`);
}

/** The table of each VRF (linkinfo of `ip -d link`), by its name and by its members' names. */
function vrfTables(json: unknown, links: readonly Link[]): Map<string, number> {
  const tables = new Map<string, number>();
  for (const row of Array.isArray(json) ? json.filter(isObject) : []) {
    const info = objectIn(row, 'linkinfo');
    if (!info || stringIn(info, 'info_kind') !== 'vrf') continue;
    const data = objectIn(info, 'info_data');
    const table = data && integerIn(data, 'table');
    const name = stringIn(row, 'ifname');
    if (table !== undefined && name !== undefined) tables.set(name, table);
  }
  for (const { device, master } of links) {
    const table = master === null ? undefined : tables.get(master);
    if (table !== undefined) tables.set(device.name, table);
  }
  return tables;
}

/** `conntrack -L -o extended`, a line an entry; conntrack's own closing line may stand among them. */
export function readConntrack(text: string, file: string, diagnostics: Diagnostics): ConntrackEntry[] {
  const entries: ConntrackEntry[] = [];
  let line = 0;
  let complaints = 0;
  for (const raw of text.split('\n')) {
    line++;
    if (raw.trim() === '' || raw.startsWith('conntrack v')) continue;
    const entry = parseConntrack(raw);
    if (entry) entries.push(entry);
    else if (++complaints <= MOST_COMPLAINTS)
      diagnostics.warning('not a line of conntrack -L', {
        position: { file, line, column: 1 },
        lineText: raw,
      });
  }
  if (complaints > MOST_COMPLAINTS)
    diagnostics.warning(`${file}: ${complaints - MOST_COMPLAINTS} more lines are no conntrack entries`);
  return entries;
}
