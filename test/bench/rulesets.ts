import { inside, PUBLISHED, service, SERVICES } from './traffic.js';

/** The rules of one measure, by the file of a host snapshot that holds them. */
export type Rules = Readonly<Record<string, string>>;

const text = (address: number): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');

/** An iptables-save file of tables; each chain is its head and its rules. */
function save(tables: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(tables)
    .map(([name, lines]) => `*${name}\n${lines.join('\n')}\nCOMMIT\n`)
    .join('');
}

const heads = (builtin: readonly string[], user: readonly string[] = []): string[] => [
  ...builtin.map((chain) => `:${chain} ACCEPT [0:0]`),
  ...user.map((chain) => `:${chain} - [0:0]`),
];
const FILTER = ['INPUT', 'FORWARD', 'OUTPUT'];
const NAT = ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'];

export const noRules = (): Rules => ({ 'iptables-save.txt': save({ filter: heads(FILTER) }) });

/** One line for each packet. */
export const logging = (): Rules => ({
  'iptables-save.txt': save({
    filter: [...heads(FILTER), '-A FORWARD -j LOG --log-prefix "FORWARD: "'],
  }),
});

/** What Docker writes for ten published ports: 32 rules. */
export function docker(): Rules {
  const each = Array.from({ length: PUBLISHED.ports }, (_, n) => ({
    published: PUBLISHED.first + n,
    container: text(inside(n)),
  }));
  return {
    'iptables-save.txt': save({
      nat: [
        ...heads(NAT, ['DOCKER']),
        '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
        '-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER',
        '-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
        '-A DOCKER -i docker0 -j RETURN',
        ...each.map(
          ({ published, container }) =>
            `-A DOCKER ! -i docker0 -p tcp -m tcp --dport ${published} -j DNAT --to-destination ${container}:${PUBLISHED.container}`,
        ),
      ],
      filter: [
        ':INPUT ACCEPT [0:0]',
        ':FORWARD DROP [0:0]',
        ':OUTPUT ACCEPT [0:0]',
        ...heads([], ['DOCKER', 'DOCKER-ISOLATION-STAGE-1', 'DOCKER-ISOLATION-STAGE-2', 'DOCKER-USER']),
        '-A FORWARD -j DOCKER-USER',
        '-A FORWARD -j DOCKER-ISOLATION-STAGE-1',
        '-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
        '-A FORWARD -o docker0 -j DOCKER',
        '-A FORWARD -i docker0 ! -o docker0 -j ACCEPT',
        '-A FORWARD -i docker0 -o docker0 -j ACCEPT',
        ...each.map(
          ({ container }) =>
            `-A DOCKER -d ${container}/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport ${PUBLISHED.container} -j ACCEPT`,
        ),
        '-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2',
        '-A DOCKER-ISOLATION-STAGE-1 -j RETURN',
        '-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP',
        '-A DOCKER-ISOLATION-STAGE-2 -j RETURN',
        '-A DOCKER-USER -j RETURN',
      ],
    }),
  };
}

/** What the n-th of many rules asks for; none matches the traffic, and every packet comes to all of them. */
interface LinearRule {
  readonly source?: string;
  readonly destination?: string;
  readonly protocol?: 'tcp' | 'udp';
  readonly ports?: readonly number[];
  readonly verdict: 'ACCEPT' | 'DROP';
}

function linearRule(n: number): LinearRule {
  const far = text((0xc0000000 + 0x200000 + n * 16) >>> 0);
  switch (n % 5) {
    case 0:
      return { source: `${far}/32`, protocol: 'tcp', ports: [1 + (n % 1000)], verdict: 'DROP' };
    case 1:
      return {
        destination: `172.18.${(n >> 8) & 0xff}.${n & 0xff}/32`,
        protocol: 'udp',
        ports: [53],
        verdict: 'DROP',
      };
    case 2:
      return { source: `${far}/28`, verdict: 'DROP' };
    case 3:
      return { source: `${far}/32`, protocol: 'tcp', ports: [22, 80, 443], verdict: 'ACCEPT' };
    default:
      return { protocol: 'tcp', ports: [30_000 + (n % 30_000)], verdict: 'DROP' };
  }
}

/** So many rules in FORWARD. */
export function linear(count: number): Rules {
  const rules = Array.from({ length: count }, (_, n) => {
    const { source, destination, protocol, ports, verdict } = linearRule(n);
    return [
      '-A FORWARD',
      source && `-s ${source}`,
      destination && `-d ${destination}`,
      protocol && `-p ${protocol}`,
      ports &&
        (ports.length > 1
          ? `-m multiport --dports ${ports.join(',')}`
          : `-m ${protocol} --dport ${ports[0]}`),
      `-j ${verdict}`,
    ]
      .filter(Boolean)
      .join(' ');
  });
  return { 'iptables-save.txt': save({ filter: [...heads(FILTER), ...rules] }) };
}

/** The same rules for nft. */
export function nftLinear(count: number): Rules {
  const rules = Array.from({ length: count }, (_, n) => {
    const { source, destination, protocol, ports, verdict } = linearRule(n);
    return [
      source && `ip saddr ${source.replace('/32', '')}`,
      destination && `ip daddr ${destination.replace('/32', '')}`,
      ports && `${protocol} dport ${ports.length > 1 ? `{ ${ports.join(', ')} }` : ports[0]}`,
      verdict.toLowerCase(),
    ]
      .filter(Boolean)
      .join(' ');
  });
  return {
    'nft-ruleset.nft': nftTable('ip', 'filter', [nftChain('forward', 'filter', 'forward', 'filter', rules)]),
  };
}

/** What kube-proxy writes for 5,000 services of two endpoints: 8 rules each, 40,000 together. */
export function kubernetes(services: number = SERVICES.count): Rules {
  const chains: string[] = ['KUBE-SERVICES', 'KUBE-POSTROUTING', 'KUBE-MARK-MASQ'];
  const toServices: string[] = [];
  const rest: string[] = [];
  for (let n = 0; n < services; n++) {
    const name = n.toString(36).toUpperCase().padStart(16, '0');
    const address = text(service(n));
    chains.push(`KUBE-SVC-${name}`);
    toServices.push(
      `-A KUBE-SERVICES -d ${address}/32 -p tcp -m comment --comment "default/service-${n} cluster IP" -m tcp --dport ${SERVICES.port} -j KUBE-SVC-${name}`,
    );
    rest.push(
      `-A KUBE-SVC-${name} ! -s 10.0.0.0/8 -d ${address}/32 -p tcp -m tcp --dport ${SERVICES.port} -j KUBE-MARK-MASQ`,
    );
    for (let e = 0; e < SERVICES.endpoints; e++) {
      const endpoint = `KUBE-SEP-${name.slice(0, -1)}${e}${name.slice(-1)}`;
      const pod = text(inside(n * SERVICES.endpoints + e));
      const left = SERVICES.endpoints - e;
      chains.push(endpoint);
      rest.push(
        `-A KUBE-SVC-${name}${left > 1 ? ` -m statistic --mode random --probability ${(1 / left).toFixed(11)}` : ''} -j ${endpoint}`,
        `-A ${endpoint} -s ${pod}/32 -j KUBE-MARK-MASQ`,
        `-A ${endpoint} -p tcp -m tcp -j DNAT --to-destination ${pod}:${SERVICES.targetPort}`,
      );
    }
  }
  return {
    'iptables-save.txt': save({
      nat: [
        ...heads(NAT, chains),
        '-A PREROUTING -j KUBE-SERVICES',
        '-A OUTPUT -j KUBE-SERVICES',
        '-A POSTROUTING -j KUBE-POSTROUTING',
        '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
        '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
        '-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
        '-A KUBE-POSTROUTING -j MASQUERADE',
        ...toServices,
        ...rest,
      ],
      filter: [
        ...heads(FILTER, ['KUBE-FORWARD']),
        '-A FORWARD -j KUBE-FORWARD',
        '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
        '-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT',
        '-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      ],
    }),
  };
}

/** nft with verdict maps, interval sets and DNAT by map: what a hand-written router of today looks like. */
export function nftMaps(): Rules {
  const blocked = Array.from(
    { length: 10_000 },
    (_, n) => `${text((0xc0000000 + 0x200000 + n * 256) >>> 0)}/25`,
  );
  const ports = Array.from({ length: 1000 }, (_, n) => `${30_000 + n} : drop`);
  const published = Array.from(
    { length: PUBLISHED.ports },
    (_, n) => `${PUBLISHED.first + n} : ${text(inside(n))} . ${PUBLISHED.container}`,
  );
  const filter = nftTable('inet', 'filter', [
    `\tset blocked {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t\telements = { ${blocked.join(', ')} }\n\t}`,
    `\tmap ports {\n\t\ttype inet_service : verdict\n\t\telements = { ${ports.join(', ')} }\n\t}`,
    nftChain('forward', 'filter', 'forward', 'filter', [
      'ip saddr @blocked counter drop',
      'tcp dport vmap @ports',
      'ct state vmap { established : accept, related : accept, invalid : drop }',
      'iifname "docker0" accept',
      'iifname "eth0" oifname "docker0" ct status dnat counter accept',
      'counter drop',
    ]),
  ]);
  const nat = nftTable('ip', 'nat', [
    `\tmap published {\n\t\ttype inet_service : ipv4_addr . inet_service\n\t\telements = { ${published.join(', ')} }\n\t}`,
    nftChain('prerouting', 'nat', 'prerouting', 'dstnat', [
      'fib daddr type local dnat to tcp dport map @published',
    ]),
    nftChain('postrouting', 'nat', 'postrouting', 'srcnat', [
      'ip saddr 172.17.0.0/16 oifname != "docker0" masquerade',
    ]),
  ]);
  return { 'nft-ruleset.nft': filter + nat };
}

function nftTable(family: string, name: string, parts: readonly string[]): string {
  return `table ${family} ${name} {\n${parts.join('\n\n')}\n}\n`;
}

function nftChain(
  name: string,
  type: string,
  hook: string,
  priority: string,
  rules: readonly string[],
): string {
  const head = `\t\ttype ${type} hook ${hook} priority ${priority}; policy accept;`;
  return `\tchain ${name} {\n${[head, ...rules.map((rule) => `\t\t${rule}`)].join('\n')}\n\t}`;
}

/** Two sets of 100,000 elements, which the traffic is not in. */
export function ipsets(elements = 100_000): Rules {
  const addresses = Array.from(
    { length: elements },
    (_, n) => `add blocked ${text((0xc0000000 + 0x200000 + n) >>> 0)}`,
  );
  const nets = Array.from(
    { length: elements },
    (_, n) => `add nets ${text((0xc0000000 + 0x800000 + n * 16) >>> 0)}/29`,
  );
  return {
    'ipset-save.txt': [
      'create blocked hash:ip family inet hashsize 65536 maxelem 131072',
      ...addresses,
      'create nets hash:net family inet hashsize 65536 maxelem 131072',
      ...nets,
      '',
    ].join('\n'),
    'iptables-save.txt': save({
      filter: [
        ...heads(FILTER),
        '-A FORWARD -m set --match-set blocked src -j DROP',
        '-A FORWARD -m set --match-set nets src -j DROP',
        '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED,NEW -j ACCEPT',
      ],
    }),
  };
}
