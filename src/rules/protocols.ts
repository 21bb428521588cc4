/** /etc/protocols as Debian has it, without number 0: what getprotobyname(3) and getprotobynumber(3) know. */
const FILE = `
icmp=1 igmp=2 ggp=3 ipencap=4 st=5 tcp=6 egp=8 igp=9 pup=12 udp=17 hmp=20 xns-idp=22 rdp=27 iso-tp4=29 dccp=33
xtp=36 ddp=37 idpr-cmtp=38 ipv6=41 ipv6-route=43 ipv6-frag=44 idrp=45 rsvp=46 gre=47 esp=50 ah=51 skip=57
ipv6-icmp=58 ipv6-nonxt=59 ipv6-opts=60 rspf=73 vmtp=81 eigrp=88 ospf=89 ax.25=93 ipip=94 etherip=97 encap=98
pim=103 ipcomp=108 vrrp=112 l2tp=115 isis=124 sctp=132 fc=133 mobility-header=135 udplite=136 mpls-in-ip=137
manet=138 hip=139 shim6=140 wesp=141 rohc=142 ethernet=143
`;

/** The names that libxtables brings itself (`xtables_chain_protos`). */
const OWN: readonly (readonly [string, number])[] = [
  ['tcp', 6],
  ['sctp', 132],
  ['udp', 17],
  ['udplite', 136],
  ['icmp', 1],
  ['icmpv6', 58],
  ['ipv6-icmp', 58],
  ['esp', 50],
  ['ah', 51],
  ['ipv6-mh', 135],
  ['mh', 135],
  ['all', 0],
];

const numberOf = new Map<string, number>(OWN);
const nameOf = new Map<number, string>();
for (const entry of FILE.trim().split(/\s+/)) {
  const [name, number] = entry.split('=');
  numberOf.set(name, Number(number));
  nameOf.set(Number(number), name);
}
numberOf.set('ip', 0);
numberOf.set('hopopt', 0);

/** A protocol name or number; undefined where it is neither. */
export function parseProtocol(text: string): number | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= 255 ? Number(text) : undefined;
  return numberOf.get(text.toLowerCase());
}

/** As iptables-save prints it: the name where there is one, else the number. */
export function protocolName(protocol: number): string {
  if (protocol === 0) return 'all';
  return nameOf.get(protocol) ?? OWN.find(([, number]) => number === protocol)?.[0] ?? String(protocol);
}
