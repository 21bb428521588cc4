const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/**
 * The extensions that iptables 1.8.9 brings (iptables-extensions(8)): libxt_ for both IP versions, libipt_ and
 * libip6t_ for one. One of these that has no definition here is "not modelled"; any other name is a mistake,
 * or a chain's.
 */
const MATCHES = {
  both: words(
    'addrtype bpf cgroup cluster comment connbytes connlabel connlimit connmark conntrack cpu dccp devgroup dscp ' +
      'ecn esp hashlimit helper ipcomp iprange ipvs length limit mac mark multiport nfacct osf owner physdev ' +
      'pkttype policy quota rateest recent rpfilter sctp set socket state statistic string tcp tcpmss time tos ' +
      'u32 udp ah',
  ),
  4: words('icmp realm ttl'),
  6: words('dst eui64 frag hbh hl icmp6 ipv6header mh rt srh'),
};
const TARGETS = {
  both: words(
    'ACCEPT AUDIT CHECKSUM CLASSIFY CONNMARK CONNSECMARK CT DNAT DROP DSCP HMARK IDLETIMER LED LOG MARK ' +
      'MASQUERADE NETMAP NFLOG NFQUEUE NOTRACK QUEUE RATEEST REDIRECT REJECT RETURN SECMARK SET SNAT SYNPROXY ' +
      'TCPMSS TCPOPTSTRIP TEE TOS TPROXY TRACE',
  ),
  4: words('CLUSTERIP ECN TTL ULOG'),
  6: words('DNPT HL SNPT'),
};

export function isMatchName(name: string, version: 4 | 6): boolean {
  return MATCHES.both.has(name) || MATCHES[version].has(name);
}

export function isTargetName(name: string, version: 4 | 6): boolean {
  return TARGETS.both.has(name) || TARGETS[version].has(name);
}
