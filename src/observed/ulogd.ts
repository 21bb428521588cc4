import { emit } from '../klog/emit.js';
import type { LogRecord, PacketLog, Token } from '../klog/record.js';
import { Ipv4Fragment } from '../packet/ipv4.js';
import { Protocol } from '../packet/numbers.js';
import type { ObservedTime } from './entry.js';
import type { Message } from './line.js';
import { type ClockOptions, readWallStamp } from './stamps.js';

/**
 * LOGEMU's words where they are not the kernel's: `TOS=00`, `MARK=0x0`, `WINDOW=` without `RES=`, and IPv6 addresses of fewer
 * than 39 characters.
 */
const EMULATED =
  / TOS=[0-9A-F]{2} PREC=0x| MARK=0x0(?: |$)| WINDOW=\d+ (?!RES=)| SRC=(?=[0-9a-f]*:)[0-9a-f:.]{2,38} /;

/** ulogd 2.0.8 prints other bytes than an ARP packet's addresses: they are left out. */
const ARP = / SRC=\S* DST=\S* PROTO=ARP (REQUEST|REPLY) /;
/** RFC 826. */
const OPERATIONS: ReadonlyMap<string, number> = new Map([
  ['REQUEST', 1],
  ['REPLY', 2],
]);

/** ulogd's LOGEMU in the kernel's words as far as they go; undefined for a line that the kernel wrote. */
export function fromLogemu(text: string): string | undefined {
  if (!EMULATED.test(text)) return undefined;
  // LOGEMU puts a space behind the prefix.
  const at = text.search(/ ?IN=\S* OUT=/);
  const line = at >= 0 && text[at] === ' ' ? text.slice(0, at) + text.slice(at + 1) : text;
  return line
    .replace(ARP, (_, operation: string) => ` ARP HTYPE=1 PTYPE=0x0800 OPCODE=${OPERATIONS.get(operation)} `)
    .replace(/( TOS=)([0-9A-F]{2} PREC=)/, '$10x$2')
    .replace(/ MARK=0x0 ?$/, ' ')
    .replace(/( OUT=\S* )MAC= /, '$1');
}

/** A line of ulogd's GPRINT: `name=value` with commas between; undefined where it is none, or of no IP packet. */
export function fromGprint(line: string, options: ClockOptions): Message | undefined {
  if (!line.includes('oob.')) return undefined;
  const fields = new Map<string, string>();
  // A prefix may hold commas: only what looks like a name begins a field.
  for (const field of line.split(/,(?=[a-z][a-z0-9_.]{0,40}=)/)) {
    const equals = field.indexOf('=');
    if (equals > 0) fields.set(field.slice(0, equals), field.slice(equals + 1));
  }
  const stamp = fields.get('timestamp');
  if (stamp !== undefined) fields.set('timestamp', stamp.replace(/^(\d{4})\/(\d\d)\/(\d\d)-/, '$1-$2-$3T'));
  return fromFields(fields, options);
}

/** A packet of ulogd's OPRINT, by its lines; undefined for one of no IP or ARP packet. */
export function fromOprint(fields: Fields, options: ClockOptions): Message | undefined {
  const named = new Map(fields);
  // Without IP2STR in the stack there are only addresses whose bytes stand the other way round.
  for (const name of ['ip.saddr', 'ip.daddr']) {
    const address = fields.get(name);
    if (address !== undefined) named.set(name, address.split('.').reverse().join('.'));
  }
  return fromFields(named, options);
}

/** An object of ulogd's JSON; undefined where it is none, or of no IP packet. */
export function fromUlogdJson(
  object: ReadonlyMap<string, unknown>,
  options: ClockOptions,
): Message | undefined {
  const fields = new Map<string, string>();
  for (const [name, value] of object)
    if (typeof value === 'string' || typeof value === 'number') fields.set(name, String(value));
  return fromFields(fields, options);
}

type Fields = ReadonlyMap<string, string>;

/** ulogd's keys (ulogd_raw2packet_BASE.c), and those that its JSON renames after the Common Information Model. */
function fromFields(fields: Fields, options: ClockOptions): Message | undefined {
  const source = fields.get('src_ip') ?? fields.get('ip.saddr.str') ?? fields.get('ip.saddr');
  const destination = fields.get('dest_ip') ?? fields.get('ip.daddr.str') ?? fields.get('ip.daddr');
  const logged = fields.has('oob.prefix') || fields.has('oob.hook') || fields.has('oob.in');
  const isArp = fields.has('arp.operation') || fields.get('oob.protocol') === ARP_TYPE;
  if (!logged || ((source === undefined || destination === undefined) && !isArp)) return undefined;
  const mark = numberOf(fields, 'oob.mark');
  const packet: PacketLog = isArp
    ? { version: 'arp', tokens: arpWords(fields) }
    : {
        version: fields.has('ip6.hoplimit') ? 6 : 4,
        tokens: [
          ['SRC', source ?? ''],
          ['DST', destination ?? ''],
          ...headerWords(fields),
          ...transportWords(fields),
        ],
      };
  const record: LogRecord = {
    prefix: fields.get('oob.prefix') ?? '',
    in: nameOf(fields, 'oob.in'),
    out: nameOf(fields, 'oob.out'),
    ...(fields.get('mac.str') && { mac: { kind: 'raw', text: fields.get('mac.str')! } }),
    packet,
    ...(numberOf(fields, 'oob.uid') !== undefined && { uid: numberOf(fields, 'oob.uid') }),
    ...(numberOf(fields, 'oob.gid') !== undefined && { gid: numberOf(fields, 'oob.gid') }),
    ...(mark && { mark }),
  };
  return { text: emit(record), time: timeOf(fields, options), by: 'ulogd' };
}

/** EtherType of ARP, as ulogd prints it. */
const ARP_TYPE = '2054';

/** ulogd 2.0.8 has other bytes in place of the addresses, and of arptables' packets none of it at all. */
function arpWords(fields: Fields): Token[] {
  const protocol = numberOf(fields, 'arp.protocoltype');
  return [
    ['ARP', null],
    ...words(fields, [['HTYPE', 'arp.hwtype']]),
    ...(protocol === undefined ? [] : [['PTYPE', `0x${protocol.toString(16).padStart(4, '0')}`] as const]),
    ...words(fields, [['OPCODE', 'arp.operation']]),
  ];
}

/** An interface's name may not break the line into other words. */
function nameOf(fields: Fields, key: string): string {
  return (fields.get(key) ?? '').replace(/\s/g, '_');
}

function numberOf(fields: Fields, key: string): number | undefined {
  const text = fields.get(key);
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** A word for every field that is there. */
function words(fields: Fields, pairs: readonly (readonly [string, string])[]): Token[] {
  return pairs.flatMap(([name, key]): Token[] => {
    const value = numberOf(fields, key);
    return value === undefined ? [] : [[name, String(value)]];
  });
}

function headerWords(fields: Fields): Token[] {
  const payload = numberOf(fields, 'ip6.payloadlen');
  if (payload !== undefined)
    return [['LEN', String(payload + 40)], ...words(fields, [['HOPLIMIT', 'ip6.hoplimit']])];
  const tos = numberOf(fields, 'ip.tos') ?? 0;
  const fragment = numberOf(fields, 'ip.fragoff') ?? 0;
  const flags: Token[] = [];
  if (fragment & Ipv4Fragment.reserved) flags.push(['CE', null]);
  if (fragment & Ipv4Fragment.dontFragment) flags.push(['DF', null]);
  if (fragment & Ipv4Fragment.moreFragments) flags.push(['MF', null]);
  if (fragment & Ipv4Fragment.offset) flags.push(['FRAG', String(fragment & Ipv4Fragment.offset)]);
  return [
    ...words(fields, [['LEN', 'ip.totlen']]),
    ['TOS', hex(tos & 0x1e)],
    ['PREC', hex(tos & 0xe0)],
    ...words(fields, [
      ['TTL', 'ip.ttl'],
      ['ID', 'ip.id'],
    ]),
    ...flags,
  ];
}

function hex(byte: number): string {
  return `0x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [Protocol.icmp, 'ICMP'],
  [Protocol.tcp, 'TCP'],
  [Protocol.udp, 'UDP'],
  [Protocol.esp, 'ESP'],
  [Protocol.ah, 'AH'],
  [Protocol.icmpv6, 'ICMPv6'],
  [Protocol.udplite, 'UDPLITE'],
]);

const FLAGS = ['URG', 'ACK', 'PSH', 'RST', 'SYN', 'FIN'] as const;

function transportWords(fields: Fields): Token[] {
  const protocol = numberOf(fields, 'ip.protocol') ?? numberOf(fields, 'ip6.nexthdr');
  if (protocol === undefined) return [];
  const proto: Token = ['PROTO', PROTOCOLS.get(protocol) ?? String(protocol)];
  // The JSON has the ports under a name that is common to all protocols.
  const ports = (of: string): (readonly [string, string])[] => [
    ['SPT', fields.has('src_port') ? 'src_port' : `${of}.sport`],
    ['DPT', fields.has('dest_port') ? 'dest_port' : `${of}.dport`],
  ];
  if (protocol === Protocol.tcp)
    return [
      proto,
      ...words(fields, [
        ...ports('tcp'),
        ['SEQ', 'tcp.seq'],
        ['ACK', 'tcp.ackseq'],
        ['WINDOW', 'tcp.window'],
      ]),
      ...FLAGS.filter((flag) => fields.get(`tcp.${flag.toLowerCase()}`) === '1').map((flag): Token => [
        flag,
        null,
      ]),
      // ulogd has the pointer only where the flag is set; the kernel prints 0.
      ...(fields.has('tcp.window') ? [['URGP', String(numberOf(fields, 'tcp.urgp') ?? 0)] as const] : []),
    ];
  if (protocol === Protocol.udp || protocol === Protocol.udplite)
    return [proto, ...words(fields, [...ports('udp'), ['LEN', 'udp.len']])];
  if (protocol === Protocol.icmp || protocol === Protocol.icmpv6) {
    const of = protocol === Protocol.icmp ? 'icmp' : 'icmpv6';
    return [
      proto,
      ...words(fields, [
        ['TYPE', `${of}.type`],
        ['CODE', `${of}.code`],
        ['ID', `${of}.echoid`],
        ['SEQ', `${of}.echoseq`],
      ]),
    ];
  }
  return [proto];
}

/** `oob.time` is the packet's own, since the epoch; the others are local time. */
function timeOf(fields: Fields, options: ClockOptions): ObservedTime {
  const seconds = numberOf(fields, 'oob.time.sec');
  const micros = numberOf(fields, 'oob.time.usec');
  if (seconds !== undefined)
    return {
      wall: {
        ns: BigInt(seconds) * 1_000_000_000n + BigInt(micros ?? 0) * 1000n,
        resolution: micros === undefined ? 1e9 : 1000,
      },
    };
  return readWallStamp(fields.get('timestamp') ?? '', 0, options)?.time ?? {};
}
