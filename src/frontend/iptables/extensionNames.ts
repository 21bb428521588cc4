const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/**
 * The extensions that iptables 1.8.9 brings (iptables-extensions(8)): libxt_ for both IP versions, libipt_ and
 * libip6t_ for one.
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

/**
 * Extensions that others bring: xtables-addons (xtables-addons(8)), OpenWrt, Android. None has a definition here, so a
 * rule with one is kept and is "not modelled"; any other name is a mistake, or a chain's.
 */
const ADDED_MATCHES = words(
  'account asn bandwidth condition dhcpmac fuzzy geoip gradm iface id ipp2p ipv4options layer7 length2 lscan ndpi ' +
    'pknock psd qtaguid quota2 timerange webmon weburl',
);
const ADDED_TARGETS = words(
  'ACCOUNT CHAOS DELUDE DHCPMAC DNETMAP ECHO FLOWOFFLOAD FULLCONENAT IMQ IPMARK LOGMARK NDPI PROTO SYSRQ TARPIT ' +
    'TRIGGER WEBSTR',
);

export function isAddedMatch(name: string): boolean {
  return ADDED_MATCHES.has(name);
}

export function isAddedTarget(name: string): boolean {
  return ADDED_TARGETS.has(name);
}
