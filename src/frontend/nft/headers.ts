import { IpOption } from '../../packet/ipOptions.js';
import type { DataType } from '../../rules/nft/types.js';
import type { Ct, Meta, Payload, PayloadBase } from '../../rules/nft/model.js';

/**
 * The header fields that nft 1.0.6 knows by name (nft(8), PAYLOAD EXPRESSIONS): `field@bit offset/bits:type`, after
 * the layer at which the header begins and the number that announces it there.
 */
interface Header {
  readonly base: PayloadBase;
  /** IP protocol of a transport header; null where there is none. */
  readonly protocol: number | null;
  /** nft 1.0.6 has no name for it, and so none for its fields in what it lists. */
  readonly isLater?: true;
  readonly fields: string;
}

const HEADERS: Record<string, Header> = {
  ether: {
    base: 'link',
    protocol: null,
    fields: 'daddr@0/48:ether_addr saddr@48/48:ether_addr type@96/16:ether_type',
  },
  vlan: {
    base: 'link',
    protocol: null,
    fields: 'pcp@112/3 dei@115/1 cfi@115/1 id@116/12 type@128/16:ether_type',
  },
  arp: {
    base: 'network',
    protocol: null,
    fields: `htype@0/16 ptype@16/16:ether_type hlen@32/8 plen@40/8 operation@48/16:arp_op
      saddr_ether@64/48:ether_addr saddr_ip@112/32:ipv4_addr daddr_ether@144/48:ether_addr daddr_ip@192/32:ipv4_addr`,
  },
  ip: {
    base: 'network',
    protocol: null,
    fields: `version@0/4 hdrlength@4/4 dscp@8/6:dscp ecn@14/2:ecn length@16/16 id@32/16 frag-off@48/16 ttl@64/8
      protocol@72/8:inet_proto checksum@80/16 saddr@96/32:ipv4_addr daddr@128/32:ipv4_addr`,
  },
  ip6: {
    base: 'network',
    protocol: null,
    fields: `version@0/4 dscp@4/6:dscp ecn@10/2:ecn flowlabel@12/20 length@32/16 nexthdr@48/8:inet_proto
      hoplimit@56/8 saddr@64/128:ipv6_addr daddr@192/128:ipv6_addr`,
  },
  icmp: {
    base: 'transport',
    protocol: 1,
    fields: `type@0/8:icmp_type code@8/8:icmp_code checksum@16/16 id@32/16 sequence@48/16 gateway@32/32 mtu@48/16`,
  },
  icmpv6: {
    base: 'transport',
    protocol: 58,
    fields: `type@0/8:icmpv6_type code@8/8:icmpv6_code checksum@16/16 parameter-problem@32/32 mtu@32/32 id@32/16
      sequence@48/16 max-delay@32/16 taddr@64/128:ipv6_addr daddr@192/128:ipv6_addr`,
  },
  igmp: {
    base: 'transport',
    protocol: 2,
    fields: 'type@0/8:igmp_type mrt@8/8 checksum@16/16 group@32/32',
  },
  tcp: {
    base: 'transport',
    protocol: 6,
    fields: `sport@0/16:inet_service dport@16/16:inet_service sequence@32/32 ackseq@64/32 doff@96/4 reserved@100/4
      flags@104/8:tcp_flag window@112/16 checksum@128/16 urgptr@144/16`,
  },
  udp: {
    base: 'transport',
    protocol: 17,
    fields: 'sport@0/16:inet_service dport@16/16:inet_service length@32/16 checksum@48/16',
  },
  udplite: {
    base: 'transport',
    protocol: 136,
    fields: 'sport@0/16:inet_service dport@16/16:inet_service csumcov@32/16 checksum@48/16',
  },
  sctp: {
    base: 'transport',
    protocol: 132,
    fields: 'sport@0/16:inet_service dport@16/16:inet_service vtag@32/32 checksum@64/32',
  },
  dccp: {
    base: 'transport',
    protocol: 33,
    fields: 'sport@0/16:inet_service dport@16/16:inet_service type@67/4:dccp_pkttype',
  },
  ah: {
    base: 'transport',
    protocol: 51,
    fields: 'nexthdr@0/8:inet_proto hdrlength@8/8 reserved@16/16 spi@32/32 sequence@64/32',
  },
  esp: { base: 'transport', protocol: 50, fields: 'spi@0/32 sequence@32/32' },
  comp: { base: 'transport', protocol: 108, fields: 'nexthdr@0/8:inet_proto flags@8/8 cpi@16/16' },
  gre: {
    base: 'transport',
    protocol: 47,
    isLater: true,
    fields: 'flags@0/5 version@13/3 protocol@16/16:ether_type',
  },
  th: { base: 'transport', protocol: null, fields: 'sport@0/16:inet_service dport@16/16:inet_service' },
};

interface FieldPlace {
  readonly name: string;
  readonly offset: number;
  readonly bits: number;
  readonly type: DataType;
}

function readFields(text: string): Map<string, FieldPlace> {
  const fields = new Map<string, FieldPlace>();
  for (const entry of text.split(/\s+/)) {
    if (entry === '') continue;
    const [place, type = 'integer'] = entry.split(':');
    const [name, at] = place.split('@');
    const [offset, bits] = at.split('/').map(Number);
    fields.set(name, { name, offset, bits, type: type as DataType });
  }
  return fields;
}

const FIELDS = new Map(Object.entries(HEADERS).map(([name, header]) => [name, readFields(header.fields)]));

export function isHeader(name: string): boolean {
  return FIELDS.has(name);
}

/** A field of a header by its name in nft; arp's own `saddr ip` is `saddr_ip` here. */
export function payloadField(protocol: string, field: string): Payload | undefined {
  const place = FIELDS.get(protocol)?.get(field);
  if (!place) return undefined;
  const { offset, bits, type } = place;
  // nft calls the drop-eligible bit `dei`; `cfi` is its old name.
  const name = protocol === 'vlan' && field === 'cfi' ? 'dei' : field.replace('_', ' ');
  return { kind: 'payload', base: HEADERS[protocol].base, protocol, field: name, offset, bits, type };
}

/** The IP protocol that a transport header's fields imply; null for others. */
export function headerProtocol(header: string | null): number | null {
  return header === null ? null : (HEADERS[header]?.protocol ?? null);
}

/** The transport header that an IP protocol number announces. */
export function headerOf(protocol: number): string | undefined {
  for (const [name, header] of Object.entries(HEADERS))
    if (header.protocol === protocol && !header.isLater) return name;
  return undefined;
}

/** The named field that stands exactly where a raw payload points. */
export function fieldAt(protocol: string, offset: number, bits: number): Payload | undefined {
  for (const place of FIELDS.get(protocol)?.values() ?? [])
    if (place.offset === offset && place.bits === bits) return payloadField(protocol, place.name);
  return undefined;
}

/** The first field that begins there. */
export function fieldFrom(protocol: string, offset: number): Payload | undefined {
  for (const place of FIELDS.get(protocol)?.values() ?? [])
    if (place.offset === offset) return payloadField(protocol, place.name);
  return undefined;
}

export function rawPayload(base: PayloadBase, offset: number, bits: number): Payload {
  return { kind: 'payload', base, protocol: null, field: null, offset, bits, type: 'integer' };
}

/** `key/bits:type` of `meta`; those after the bar are written without `meta` when printed. */
const META =
  readKeys(`length/32 protocol/16:ether_type nfproto/8:nf_proto l4proto/8:inet_proto priority/32:classid
  mark/32:mark iiftype/16:iface_type oiftype/16:iface_type skuid/32:uid skgid/32:gid nftrace/1 rtclassid/32:realm
  secmark/32 pkttype/8:pkt_type cpu/32 cgroup/32 random/32 ipsec/1:boolean secpath/1:boolean iifkind/128:ifname
  oifkind/128:ifname ibrpvid/16 ibrvproto/16:ether_type time/64:datetime day/8:day hour/32:hour sdif/32:iface_index
  sdifname/128:ifname ibrname/128:ifname obrname/128:ifname iif/32:iface_index oif/32:iface_index
  iifname/128:ifname oifname/128:ifname iifgroup/32:devgroup oifgroup/32:devgroup broute/8`);

const UNQUALIFIED = new Set(['iif', 'oif', 'iifname', 'oifname', 'iifgroup', 'oifgroup']);
/** Keys that nft also reads without `meta`. */
const SHORT = new Set([
  ...UNQUALIFIED,
  'mark',
  'iiftype',
  'oiftype',
  'skuid',
  'skgid',
  'nftrace',
  'rtclassid',
  'pkttype',
  'cpu',
  'cgroup',
  'ibrname',
  'obrname',
  'time',
  'day',
  'hour',
]);

function readKeys(text: string): Map<string, { bits: number; type: DataType }> {
  return new Map(
    text
      .trim()
      .split(/\s+/)
      .map((entry) => {
        const [place, type = 'integer'] = entry.split(':');
        const [name, bits] = place.split('/');
        return [name, { bits: Number(bits), type: type as DataType }];
      }),
  );
}

export function metaKey(name: string): Meta | undefined {
  const key = META.get(name);
  return key && { kind: 'meta', key: name === 'secpath' ? 'ipsec' : name, ...key };
}

export function isShortMeta(name: string): boolean {
  return SHORT.has(name);
}

/** `iif`, `oifname`…: printed without `meta` before them (`meta_key_is_unqualified()`, src/meta.c). */
export function isUnqualifiedMeta(name: string): boolean {
  return UNQUALIFIED.has(name);
}

const CT =
  readKeys(`state/32:ct_state direction/8:ct_dir status/32:ct_status mark/32:mark secmark/32 expiration/32:time
  helper/128:string l3proto/8:nf_proto saddr/32:ipv4_addr daddr/32:ipv4_addr protocol/8:inet_proto
  proto-src/16:inet_service proto-dst/16:inet_service label/128:ct_label bytes/64 packets/64 avgpkt/64 zone/16
  event/32:ct_event id/32`);

/**
 * @param family of `saddr` and `daddr`
 */
export function ctKey(name: string, direction: Ct['direction'], family: 'ip' | 'ip6' | null): Ct | undefined {
  const key = CT.get(name);
  if (!key) return undefined;
  const address = name === 'saddr' || name === 'daddr';
  if (address && family === 'ip6')
    return { kind: 'ct', key: name, direction, family, bits: 128, type: 'ipv6_addr' };
  return { kind: 'ct', key: name, direction, family: address ? family : null, ...key };
}

/** IPv6 extension headers: their next-header number and fields. */
export const EXTENSION_HEADERS = new Map(
  Object.entries({
    hbh: { number: 0, fields: 'nexthdr@0/8:inet_proto hdrlength@8/8' },
    rt: { number: 43, fields: 'nexthdr@0/8:inet_proto hdrlength@8/8 type@16/8 seg-left@24/8' },
    rt0: { number: 43, fields: 'reserved@32/32 addr@64/128:ipv6_addr' },
    rt2: { number: 43, fields: 'reserved@32/32' },
    srh: { number: 43, fields: 'last-entry@32/8 flags@40/8 tag@48/16 sid@64/128:ipv6_addr' },
    frag: {
      number: 44,
      fields:
        'nexthdr@0/8:inet_proto reserved@8/8 frag-off@16/13 reserved2@29/2 more-fragments@31/1 id@32/32',
    },
    dst: { number: 60, fields: 'nexthdr@0/8:inet_proto hdrlength@8/8' },
    mh: {
      number: 135,
      fields: 'nexthdr@0/8:inet_proto hdrlength@8/8 type@16/8:mh_type reserved@24/8 checksum@32/16',
    },
  }).map(([name, header]) => [name, { number: header.number, fields: readFields(header.fields) }]),
);

const KIND_LENGTH = 'kind@0/8 length@8/8';
/** TCP options: kind byte and fields. `sack` blocks have fields `left` and `right`, 64 bits apart. */
export const TCP_OPTIONS = new Map(
  Object.entries({
    eol: { number: 0, fields: '' },
    nop: { number: 1, fields: '' },
    maxseg: { number: 2, fields: `${KIND_LENGTH} size@16/16` },
    window: { number: 3, fields: `${KIND_LENGTH} count@16/8` },
    'sack-perm': { number: 4, fields: KIND_LENGTH },
    sack: { number: 5, fields: `length@8/8 left@16/32 right@48/32` },
    sack1: { number: 5, fields: `length@8/8 left@80/32 right@112/32` },
    sack2: { number: 5, fields: `length@8/8 left@144/32 right@176/32` },
    sack3: { number: 5, fields: `length@8/8 left@208/32 right@240/32` },
    timestamp: { number: 8, fields: `${KIND_LENGTH} tsval@16/32 tsecr@48/32` },
    md5sig: { number: 19, fields: KIND_LENGTH },
    mptcp: { number: 30, fields: `${KIND_LENGTH} subtype@16/4:mptcp_subtype` },
    fastopen: { number: 34, fields: KIND_LENGTH },
  }).map(([name, option]) => [name, { number: option.number, fields: readFields(option.fields) }]),
);

const IP_OPTION_FIELDS = 'type@0/8 length@8/8 ptr@16/8 addr@24/32';
export const IP_OPTIONS = new Map(
  Object.entries({
    rr: { number: IpOption.recordRoute, fields: IP_OPTION_FIELDS },
    lsrr: { number: IpOption.looseRoute, fields: IP_OPTION_FIELDS },
    ssrr: { number: IpOption.strictRoute, fields: IP_OPTION_FIELDS },
    ra: { number: IpOption.routerAlert, fields: 'type@0/8 length@8/8 value@16/16' },
  }).map(([name, option]) => [name, { number: option.number, fields: readFields(option.fields) }]),
);

const CHUNK = 'type@0/8 flags@8/8 length@16/16';
export const SCTP_CHUNKS = new Map(
  Object.entries({
    data: { number: 0, fields: `${CHUNK} tsn@32/32 stream@64/16 ssn@80/16 ppid@96/32` },
    init: {
      number: 1,
      fields: `${CHUNK} init-tag@32/32 a-rwnd@64/32 num-outbound-streams@96/16 num-inbound-streams@112/16 initial-tsn@128/32`,
    },
    'init-ack': {
      number: 2,
      fields: `${CHUNK} init-tag@32/32 a-rwnd@64/32 num-outbound-streams@96/16 num-inbound-streams@112/16 initial-tsn@128/32`,
    },
    sack: {
      number: 3,
      fields: `${CHUNK} cum-tsn-ack@32/32 a-rwnd@64/32 num-gap-ack-blocks@96/16 num-dup-tsns@112/16`,
    },
    heartbeat: { number: 4, fields: CHUNK },
    'heartbeat-ack': { number: 5, fields: CHUNK },
    abort: { number: 6, fields: CHUNK },
    shutdown: { number: 7, fields: `${CHUNK} cum-tsn-ack@32/32` },
    'shutdown-ack': { number: 8, fields: CHUNK },
    error: { number: 9, fields: CHUNK },
    'cookie-echo': { number: 10, fields: CHUNK },
    'cookie-ack': { number: 11, fields: CHUNK },
    ecne: { number: 12, fields: `${CHUNK} lowest-tsn@32/32` },
    cwr: { number: 13, fields: `${CHUNK} lowest-tsn@32/32` },
    'shutdown-complete': { number: 14, fields: CHUNK },
    'asconf-ack': { number: 128, fields: `${CHUNK} seqno@32/32` },
    'forward-tsn': { number: 192, fields: `${CHUNK} new-cum-tsn@32/32` },
    asconf: { number: 193, fields: `${CHUNK} seqno@32/32` },
  }).map(([name, chunk]) => [name, { number: chunk.number, fields: readFields(chunk.fields) }]),
);
