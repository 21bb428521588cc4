import type { Observer } from '../../engine/observer.js';
import type { Passage } from '../../engine/passage.js';
import type { ConntrackTuple } from '../../host/conntrackText.js';
import { formatLine } from '../../klog/describe.js';
import { addressText } from '../../packet/addresses.js';
import { u16, u8 } from '../../packet/bytes.js';
import { Ipv4 } from '../../packet/ipv4.js';
import { Protocol } from '../../packet/numbers.js';
import { hasPorts } from '../../packet/rewrite.js';
import type { Hook } from '../../rules/hook.js';
import { packetKey } from '../../compare/identity.js';
import { CtState, type Tuple } from '../../rules/connection.js';
import type { Chain, Rule, Ruleset } from '../../rules/model.js';
import { Outcome } from '../../rules/verdict.js';
import { protocolName } from '../../rules/protocols.js';
import { refusalOf } from './refusals.js';

/** One packet's way through one chain. */
export interface Visit {
  readonly chain: Chain;
  readonly frame: number;
  /** The index of the last rule tried; as many as there are rules: the chain's end was reached. */
  reached: number;
  /** What rules could ask of the packet as it came to the chain, as iptables spells it. */
  readonly traits: readonly string[];
}

/** Visits kept: what is beyond has no part in where the cause is looked for. */
const MOST_VISITS = 200_000;

/** Where every packet of a replay went. */
export interface Walks extends Observer {
  readonly visits: readonly Visit[];
  /** With what the host was seen to refuse packets that by these rules it does not, as -j REJECT calls it. */
  readonly refusals: ReadonlySet<string>;
  /** The frames whose packets a rule matched. */
  readonly hits: ReadonlyMap<Rule, ReadonlySet<number>>;
  /** The connections that were opened, by frame, as they were translated. */
  readonly opened: ReadonlyMap<number, Opened>;
  /** For frames that were taken for the host's own: the packet that came in shortly before and looks like the same. */
  readonly kin: ReadonlyMap<number, number>;
  /** The frame of a packet that a line tells of, nearest in time (ns); 0 for none. */
  frameOf(line: string, time: number): number;
  /** ns since capture start at which a frame's packet was run; null for one that was not. */
  timeOf(frame: number): number | null;
  /** The frame by which a packet came in that a line tells of as it went on with other addresses; 0 for none. */
  cameAs(line: string, time: number): number;
}

/** A connection's ends, of both directions. */
interface Opened {
  readonly original: ConntrackTuple;
  readonly reply: ConntrackTuple;
}

const MOST_OPENED = 100_000;

function sideOf({ source, destination, sourcePort, destinationPort }: Tuple): ConntrackTuple {
  return { source, destination, sourcePort, destinationPort };
}

/** ns that a packet may take through the host. */
const KIN_TIME = 1e8;

const PLAIN = {
  prefix: '',
  level: 4,
  tcpSequence: false,
  tcpOptions: false,
  ipOptions: false,
  uid: false,
  macDecode: false,
};

export function recordWalks(ruleset: Ruleset): Walks {
  const indexOf = new Map<Rule, number>();
  const natAt = new Map<Hook, Chain[]>();
  for (const table of ruleset.tables)
    for (const chain of table.chains.values()) {
      chain.rules.forEach((rule, i) => indexOf.set(rule, i));
      if (chain.base?.type === 'nat')
        natAt.set(chain.base.hook, [...(natAt.get(chain.base.hook) ?? []), chain]);
    }
  const visits: Visit[] = [];
  /** Visits that chains of nat would have had where nothing asks for connections: without them they are not called. */
  const asleep: Visit[] = [];
  let isNatAwake = false;
  const refusals = new Set<string>();
  const came = new Set<number>();
  const opened = new Map<number, Opened>();
  const hits = new Map<Rule, Set<number>>();
  const open = new WeakMap<Passage, Map<Chain, Visit>>();
  const frames = new Map<string, { frame: number; time: number }[]>();

  const kin = new Map<number, number>();
  const received = new Map<string, { frame: number; time: number }>();
  const relate = ({ packet }: Passage, how: 'received' | 'sent'): void => {
    const { frame, time, version, protocol, length, data } = packet;
    if (how === 'received') came.add(frame);
    const key = `${version} ${protocol} ${length} ${version === 4 ? u16(data, Ipv4.id) : ''}`;
    const last = received.get(key);
    if (how === 'received') received.set(key, { frame, time });
    else if (last && last.frame !== frame && time - last.time < KIN_TIME) kin.set(frame, last.frame);
  };
  const arrivals = new Map<string, { frame: number; time: number }[]>();
  const arrived = ({ packet }: Passage): void => {
    const key = bareKey(formatLine(packet, PLAIN));
    const list = arrivals.get(key);
    if (list) list.push({ frame: packet.frame, time: packet.time });
    else arrivals.set(key, [{ frame: packet.frame, time: packet.time }]);
  };
  const times = new Map<number, number>();
  const note = ({ packet }: Passage): void => {
    times.set(packet.frame, packet.time);
    const key = packetKey(formatLine(packet, PLAIN));
    if (key === '') return;
    const list = frames.get(key) ?? [];
    frames.set(key, list);
    if (list.length < 1000 && list[list.length - 1]?.frame !== packet.frame)
      list.push({ frame: packet.frame, time: packet.time });
  };
  const refused = ({ packet }: Passage): void => {
    const kind = came.has(packet.frame) ? undefined : refusalOf(packet);
    if (kind !== undefined) refusals.add(kind);
  };
  const visit = (chain: Chain, passage: Passage): Visit | undefined => open.get(passage)?.get(chain);

  return {
    get visits() {
      if (!isNatAwake) visits.push(...asleep.splice(0));
      return visits;
    },
    refusals,
    opened,
    hits,
    kin,
    frameOf(line, time) {
      const about = (text: string): { frame: number; time: number }[] => frames.get(packetKey(text)) ?? [];
      const bracket = line.indexOf('[');
      const found = [...about(line), ...(bracket < 0 ? [] : about(line.slice(bracket)))];
      let best = 0;
      let distance = Infinity;
      for (const { frame, time: at } of found)
        if (Math.abs(at - time) < distance) {
          best = frame;
          distance = Math.abs(at - time);
        }
      return best;
    },
    timeOf: (frame) => times.get(frame) ?? null,
    cameAs(line, time) {
      const last = arrivals.get(bareKey(line))?.findLast((a) => a.time <= time + KIN_TIME / 10);
      return last && time - last.time < KIN_TIME ? last.frame : 0;
    },
    packet(passage, how) {
      note(passage);
      relate(passage, how);
      if (how === 'received') arrived(passage);
      else refused(passage);
    },
    hook(hook, passage) {
      note(passage);
      if (isNatAwake || asleep.length >= MOST_VISITS) return;
      for (const chain of natAt.get(hook) ?? [])
        asleep.push({ chain, frame: passage.packet.frame, reached: 0, traits: traitsOf(passage) });
    },
    enter(chain, _by, passage) {
      if (chain.base?.type === 'nat') isNatAwake = true;
      if (visits.length >= MOST_VISITS) return;
      let chains = open.get(passage);
      if (!chains) open.set(passage, (chains = new Map<Chain, Visit>()));
      const made: Visit = { chain, frame: passage.packet.frame, reached: -1, traits: traitsOf(passage) };
      if (chain.rules.length === 0) made.reached = 0;
      chains.set(chain, made);
      visits.push(made);
    },
    skip: () => undefined,
    rule(rule, outcome, _conditions, passage) {
      if (outcome !== Outcome.miss) {
        const known = hits.get(rule);
        if (known) known.add(passage.packet.frame);
        else hits.set(rule, new Set([passage.packet.frame]));
      }
      const at = visit(rule.chain, passage);
      if (at) at.reached = Math.max(at.reached, indexOf.get(rule) ?? 0);
    },
    verdict(rule, chain, _verdict, passage) {
      const at = rule === null ? visit(chain, passage) : undefined;
      if (at) at.reached = chain.rules.length;
    },
    change: () => undefined,
    route: () => undefined,
    end({ packet, connection }) {
      if (connection?.firstFrame === packet.frame && hasPorts(packet.protocol) && opened.size < MOST_OPENED)
        opened.set(packet.frame, { original: sideOf(connection.original), reply: sideOf(connection.reply) });
    },
  };
}

/** What translation leaves of a packet, as a line tells it: length, IP identification, protocol. */
function bareKey(line: string): string {
  const protocol = / PROTO=(\S+)/.exec(line);
  if (!protocol) return '';
  const head = line.slice(0, protocol.index);
  return `${/ LEN=(\d+)/.exec(head)?.[1]} ${/ ID=(\d+)/.exec(head)?.[1]} ${protocol[1]}`;
}

const STATES = new Map<number, string>([
  [CtState.new, 'NEW'],
  [CtState.established, 'ESTABLISHED'],
  [CtState.related, 'RELATED'],
  [CtState.invalid, 'INVALID'],
  [CtState.untracked, 'UNTRACKED'],
]);

function traitsOf({ packet, state }: Passage): string[] {
  const protocol = protocolName(packet.protocol);
  const suffix = packet.version === 4 ? '/32' : '/128';
  const out = [`-p ${protocol}`];
  if (packet.in) out.push(`-i ${packet.in.name}`);
  if (packet.out) out.push(`-o ${packet.out.name}`);
  const known = STATES.get(state);
  if (known) out.push(`-m conntrack --ctstate ${known}`);
  out.push(
    `-s ${addressText(packet, 'source')}${suffix}`,
    `-d ${addressText(packet, 'destination')}${suffix}`,
  );
  if (packet.hasTransport && hasPorts(packet.protocol) && /^(tcp|udp|sctp|dccp)$/.test(protocol))
    out.push(
      `-p ${protocol} -m ${protocol} --sport ${packet.sourcePort}`,
      `-p ${protocol} -m ${protocol} --dport ${packet.destinationPort}`,
    );
  else if (packet.hasTransport && packet.protocol === Protocol.icmp)
    out.push(`-p icmp -m icmp --icmp-type ${u8(packet.data, packet.transport)}`);
  return out;
}
