import { assumeHost, type AssumedHost } from '../../../src/host/assume.js';
import { makeHost } from '../../../src/host/host.js';
import { parseMac } from '../../../src/address/mac.js';
import { framesAtHand } from '../../../src/capture/atHand.js';
import type { Frame, FrameSource } from '../../../src/capture/frame.js';
import type { Observer } from '../../../src/engine/observer.js';
import { conntrackEvent, conntrackText, isWritten, saveText } from '../../../src/engine/state.js';
import { readIpsetSave } from '../../../src/frontend/ipset/read.js';
import { parseSave } from '../../../src/frontend/iptables/save.js';
import { ethernetFrame } from '../../../src/lab/craft.js';
import { addressText } from '../../../src/packet/addresses.js';
import { LinkType } from '../../../src/packet/linkType.js';
import { hasPorts, ttlOf } from '../../../src/packet/rewrite.js';
import type { Packet } from '../../../src/packet/packet.js';
import type { IpSets } from '../../../src/rules/sets/set.js';
import { runReplay } from '../../../src/run.js';
import { Diagnostics, formatDiagnostic } from '../../../src/source/diagnostic.js';
import { packetOf } from './words.js';

/** A router: eth0 to the Internet, eth1 to a LAN, docker0 a bridge with the port vethc0. */
const ROUTER: AssumedHost = {
  interfaces: ['eth0=02:00:00:00:01:01', 'eth1=02:00:00:00:02:01', 'docker0=bridge', 'vethc0@docker0'],
  addresses: ['198.51.100.2/24@eth0', '192.168.1.1/24@eth1', '172.17.0.1/16@docker0'],
  routes: ['default via 198.51.100.1'],
};

/** The same with IPv6 addresses. */
const ROUTER_6: AssumedHost = {
  ...ROUTER,
  addresses: ['2001:db8:100::2/64@eth0', '2001:db8:1::1/64@eth1', 'fd00:17::1/64@docker0'],
  routes: ['default via 2001:db8:100::1'],
};

/** A packet: when it comes (s), by which interface, in the words of `packetOf`; `>eth1` is where it was seen to leave. */
export type Sent = readonly [seconds: number, device: string, words: string | Uint8Array];

export interface Played {
  /** For each packet, in order: the lines that it caused, without what the packet itself says. */
  readonly logged: readonly string[];
  /** The whole lines. */
  readonly lines: readonly string[];
  /** The lines of which some field is a stand-in. */
  readonly unwritten: readonly string[];
  /** Of each line: why it cannot be relied on. */
  readonly doubts: readonly (string | null)[];
  /** What left, as `eth0 tcp 1.2.3.4:5 > 6.7.8.9:10 ttl 63`, by the order of the packets. */
  readonly left: readonly string[];
  /** The rules with their counters. */
  readonly saved: string;
  /** The entries at the last packet, as conntrack lists them. */
  readonly listed: string;
  /** The same, each without timeout and use. */
  readonly connections: readonly string[];
}

/**
 * Lets packets come in to a router with rules, as iptables-save prints them.
 * @param at when to look at the connections, s; by default at the last packet
 */
export async function play(
  rules: string,
  packets: readonly Sent[],
  {
    sysctls = [],
    at,
    version = 4,
    observer,
    isUnseen = false,
    ipsets = '',
    bootTime,
    ...more
  }: Partial<AssumedHost> & {
    at?: number;
    version?: 4 | 6;
    observer?: Observer;
    /** As `ipset save` prints them. */
    ipsets?: string;
    /** When the host's clock stood at 0, ns before the capture began if negative. */
    bootTime?: bigint;
    /** Nobody looks at what leaves; then steady flows have no passages. */
    isUnseen?: boolean;
  } = {},
): Promise<Played> {
  const diagnostics = new Diagnostics();
  const assumed = assumeHost(
    {
      ...(version === 4 ? ROUTER : ROUTER_6),
      ...more,
      sysctls: [
        'net.ipv4.ip_forward=1',
        'net.ipv4.icmp_ratelimit=0',
        'net.ipv6.icmp.ratelimit=0',
        ...sysctls,
      ],
    },
    diagnostics,
  );
  const host = bootTime === undefined ? assumed : makeHost({ ...assumed.parts, bootTime });
  const sets: IpSets = new Map();
  readIpsetSave(ipsets, 'ipsets', diagnostics, sets);
  const tables = parseSave(rules, 'rules', version, diagnostics);
  if (diagnostics.hasErrors) throw new Error(diagnostics.list.map(formatDiagnostic).join('\n'));
  const logged: string[] = packets.map(() => '');
  const left: string[] = [];
  const source = memorySource(packets);
  const { lines, replay } = await runReplay(
    source,
    { host, ruleset: { tables }, sets, unusable: [] },
    {
      observer,
      sinks: {
        line: ({ frame, text }) => {
          logged[frame - 1] += `${logged[frame - 1] && ' '}${text.slice(0, text.search(/ ?IN=/))}`;
        },
        ...(!isUnseen && { sent: ({ packet }) => void left.push(sentText(packet)) }),
      },
    },
  );
  const connections = conntrackText(replay.kernel.tracker, at === undefined ? replay.lastTime : at * 1e9);
  return {
    logged,
    lines: [...lines].map((l) => l.text.trimEnd()),
    unwritten: [...lines].filter((l) => !isWritten(l)).map((l) => l.text.trimEnd()),
    doubts: [...lines].map((l) => l.doubt),
    left,
    saved: saveText(replay.kernel.program, version),
    listed: connections,
    connections: connections
      .split('\n')
      .filter((l) => l !== '')
      .map((l) => l.replace(/^ipv4 +2 (\w+) +\d+ \d+ /, '$1 ').replace(/ mark=0 use=1$/, '')),
  };
}

/** What conntrack -E would show of them. */
export async function eventsOf(
  rules: string,
  packets: readonly Sent[],
  sysctls: readonly string[] = [],
): Promise<string[]> {
  const diagnostics = new Diagnostics();
  const host = assumeHost({ ...ROUTER, sysctls: ['net.ipv4.ip_forward=1', ...sysctls] }, diagnostics);
  const tables = parseSave(rules, 'rules', 4, diagnostics);
  const events: string[] = [];
  await runReplay(
    memorySource(packets),
    { host, ruleset: { tables }, sets: new Map(), unusable: [] },
    {
      sinks: {
        created: (entry, now) => void events.push(conntrackEvent('NEW', entry, now)),
        updated: (entry, changes, now) => void events.push(conntrackEvent('UPDATE', entry, now, changes)),
        destroyed: (entry, now) => void events.push(conntrackEvent('DESTROY', entry, now)),
      },
    },
  );
  return events;
}

function sentText(packet: Packet): string {
  const end = (side: 'source' | 'destination', port: number): string =>
    addressText(packet, side) + (packet.hasTransport && hasPorts(packet.protocol) ? `:${port}` : '');
  const names = new Map([[1, 'icmp'], [6, 'tcp'], [17, 'udp'], [58, 'icmp']]); // prettier-ignore
  const { data, transport } = packet;
  const kind =
    packet.protocol === 1 || packet.protocol === 58 ? ` ${data[transport]}/${data[transport + 1]}` : '';
  return `${packet.out?.name} ${names.get(packet.protocol) ?? packet.protocol} ${end('source', packet.sourcePort)} > ${end('destination', packet.destinationPort)}${kind} ttl ${ttlOf(packet)}`;
}

const MACS: Record<string, string> = { eth0: '02:00:00:00:01:01', eth1: '02:00:00:00:02:01' };
const PEER = parseMac('02:00:00:00:09:09') as Uint8Array;

function memorySource(packets: readonly Sent[]): FrameSource {
  const frames = packets.map(([seconds, where, words], i): Frame => {
    const device = where.replace('>', '');
    const bytes = typeof words === 'string' ? packetOf(words) : words;
    const broadcast = typeof words === 'string' && words.includes(' broadcast');
    const to = parseMac(
      broadcast ? 'ff:ff:ff:ff:ff:ff' : (MACS[device] ?? '02:00:00:00:03:01'),
    ) as Uint8Array;
    const frame = ethernetFrame(to, PEER, bytes);
    return {
      number: i + 1,
      time: seconds * 1e9,
      linkType: LinkType.ethernet,
      bytes: frame,
      originalLength: frame.length,
      interface: device,
      direction: device === where ? 'in' : 'out',
      comment: '',
      file: 0,
    };
  });
  return framesAtHand(frames, 0n);
}
