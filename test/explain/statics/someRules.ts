import fc from 'fast-check';

/** Small worlds, so that rules and packets meet. */
const port = fc.constantFrom('22', '80', '1:80', '443');
const bang = fc.constantFrom('', '! ');
const condition = fc.oneof(
  fc
    .tuple(bang, fc.constantFrom('-s 198.51.100.0/24', '-s 198.51.100.9/32', '-d 198.51.100.2/32'))
    .map((p) => p.join('')),
  fc.tuple(bang, fc.constantFrom('-i eth0', '-i eth+', '-i lo', '-i eth1')).map((p) => p.join('')),
  fc.tuple(bang, port).map(([b, p]) => `-p tcp -m tcp ${b}--dport ${p}`),
  fc.tuple(bang, port).map(([b, p]) => `-p tcp -m tcp ${b}--sport ${p}`),
  fc
    .tuple(bang, fc.constantFrom('22,80', '1:79,443'))
    .map(([b, p]) => `-p tcp -m multiport ${b}--dports ${p}`),
  fc
    .tuple(bang, fc.constantFrom('NEW', 'INVALID', 'NEW,ESTABLISHED'))
    .map(([b, s]) => `-m conntrack ${b}--ctstate ${s}`),
  fc
    .tuple(bang, fc.constantFrom('SYN SYN', 'SYN,ACK ACK'))
    .map(([b, f]) => `-p tcp -m tcp ${b}--tcp-flags ${f}`),
  fc.constantFrom(
    '-p udp',
    '! -p tcp',
    '-m ttl --ttl-lt 64',
    '-m ttl --ttl-eq 64',
    '-m mark --mark 0x1',
    '-m mark ! --mark 0x1',
  ),
);
/** One option of the head of each kind, and a -p that the matches agree with; matches may be said again. */
export const rule = fc.array(condition, { maxLength: 3 }).map((parts) => {
  const ofTcp = parts.some((part) => part.startsWith('-p tcp'));
  const kinds = new Set<string>();
  const kept = parts.filter((part) => {
    const kind = /^(?:! )?(-[sdi]|-p (?:udp|tcp)$)/.exec(part)?.[1].slice(0, 2);
    if (kind === '-p' && ofTcp) return false;
    return kind === undefined || (!kinds.has(kind) && kinds.add(kind));
  });
  return [...(ofTcp ? ['-p tcp'] : []), ...kept.map((part) => part.replace('-p tcp -m', '-m'))].join(' ');
});
/** Packets that such rules tell apart. */
export const PACKETS = ['22', '80', '443', '8080'].flatMap((p) => [
  `tcp 198.51.100.9:80 > 198.51.100.2:${p} in eth0`,
  `tcp 198.51.100.9:80 > 198.51.100.2:${p} in eth0 state ESTABLISHED`,
  `tcp 203.0.113.5:4000 > 192.168.1.1:${p} in eth1 ttl 3 flags SYN,ACK`,
  `udp 198.51.100.9:443 > 198.51.100.2:${p} in eth0 mark 0x1`,
  `tcp 203.0.113.5:22 > 198.51.100.2:${p} in eth0 state INVALID mark 0x1`,
]);
