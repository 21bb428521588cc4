import type { MatchDefinition } from '../definition.js';
import { ip } from './ip.js';
import { tcp } from './tcp.js';
import { addrtype } from './addrtype.js';
import { comment } from './comment.js';
import { conntrack } from './conntrack.js';
import { dscp } from './dscp.js';
import { ecn } from './ecn.js';
import { icmp, icmp6 } from './icmp.js';
import { iprange } from './iprange.js';
import { length } from './length.js';
import { mac } from './mac.js';
import { connmark, mark } from './mark.js';
import { multiport } from './multiport.js';
import { owner } from './owner.js';
import { physdev } from './physdev.js';
import { pkttype } from './pkttype.js';
import { state } from './state.js';
import { statistic } from './statistic.js';
import { tcpmss } from './tcpmss.js';
import { tos } from './tos.js';
import { hl, ttl } from './ttl.js';
import { udp } from './udp.js';
import { limit } from './limit.js';
import { hashlimit } from './hashlimit.js';
import { rateest } from './rateest.js';
import { recent } from './recent.js';
import { connbytes } from './connbytes.js';
import { connlimit } from './connlimit.js';
import { quota } from './quota.js';
import { u32 } from './u32.js';
import { string } from './string.js';
import { cluster } from './cluster.js';
import { rpfilter } from './rpfilter.js';
import { set } from './set.js';
import { ah, ah6, esp } from './spi.js';
import { bpf } from './bpf.js';
import { connlabel } from './connlabel.js';
import { cgroup } from './cgroup.js';
import { cpu } from './cpu.js';
import { ipcomp } from './ipcomp.js';
import { ipvs } from './ipvs.js';
import { srh } from './srh.js';
import { nfacct, osf } from './opaque.js';
import { dccp } from './dccp.js';
import { devgroup, realm } from './devgroup.js';
import { dst, hbh } from './options6.js';
import { eui64 } from './eui64.js';
import { frag } from './frag.js';
import { helper } from './helper.js';
import { ipv6header } from './ipv6header.js';
import { mh } from './mh.js';
import { policy } from './policy.js';
import { rt } from './rt.js';
import { sctp } from './sctp.js';
import { socket } from './socket.js';
import { time } from './time.js';

/** Every match there is. Each is declared as a whole `MatchDefinition`, so one that is half-added does not compile. */
export const MATCHES: readonly MatchDefinition[] = [
  ip,
  tcp,
  addrtype,
  comment,
  conntrack,
  dscp,
  ecn,
  icmp,
  icmp6,
  iprange,
  length,
  mac,
  connmark,
  mark,
  multiport,
  owner,
  physdev,
  pkttype,
  state,
  statistic,
  tcpmss,
  tos,
  hl,
  ttl,
  udp,
  limit,
  hashlimit,
  recent,
  connbytes,
  connlimit,
  quota,
  u32,
  string,
  cluster,
  rpfilter,
  set,
  ah,
  ah6,
  esp,
  bpf,
  cgroup,
  connlabel,
  cpu,
  ipcomp,
  ipvs,
  srh,
  nfacct,
  osf,
  rateest,
  dccp,
  devgroup,
  realm,
  dst,
  hbh,
  eui64,
  frag,
  helper,
  ipv6header,
  mh,
  policy,
  rt,
  sctp,
  socket,
  time,
];

const BY_NAME = new Map<string, MatchDefinition>();
for (const match of MATCHES)
  for (const name of [match.name, ...(match.aliases ?? [])])
    for (const version of match.versions) BY_NAME.set(`${version} ${name}`, match);

/** The match that -m calls `name` in iptables (4) or ip6tables (6); undefined where none is known. */
export function findMatch(name: string, version: 4 | 6): MatchDefinition | undefined {
  return BY_NAME.get(`${version} ${name}`);
}
