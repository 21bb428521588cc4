/**
 * The extensions that iptables 1.8.9 brings (iptables-extensions(8)). One of these that has no definition
 * here is "not modelled"; any other name is a mistake, or a chain's.
 */
const MATCHES = new Set(
  (
    'addrtype ah bpf cgroup cluster comment connbytes connlabel connlimit connmark conntrack cpu dccp devgroup ' +
    'dscp dst ecn esp eui64 frag hashlimit hbh helper hl icmp icmp6 ipcomp iprange ipv6header ipvs length limit ' +
    'mac mark mh multiport nfacct osf owner physdev pkttype policy quota rateest realm recent rpfilter rt sctp ' +
    'set socket srh state statistic string tcp tcpmss time tos ttl u32 udp'
  ).split(' '),
);
const TARGETS = new Set(
  (
    'ACCEPT AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNMARK CONNSECMARK CT DNAT DNPT DROP DSCP ECN HL HMARK IDLETIMER ' +
    'LED LOG MARK MASQUERADE NETMAP NFLOG NFQUEUE NOTRACK QUEUE RATEEST REDIRECT REJECT RETURN SECMARK SET SNAT ' +
    'SNPT SYNPROXY TCPMSS TCPOPTSTRIP TEE TOS TPROXY TRACE TTL ULOG'
  ).split(' '),
);

export function isMatchName(name: string): boolean {
  return MATCHES.has(name);
}

export function isTargetName(name: string): boolean {
  return TARGETS.has(name);
}
