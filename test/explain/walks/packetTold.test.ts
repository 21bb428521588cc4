import { describe, expect, it } from 'vitest';
import { askAll } from '../asking.js';

/** Every state by its own rule, in mangle, where nothing has been decided yet; a mark; and Docker's translation. */
const RULES = `*mangle
-A PREROUTING -m conntrack --ctstate INVALID
-A PREROUTING -m conntrack --ctstate NEW
-A PREROUTING -m conntrack --ctstate ESTABLISHED
-A PREROUTING -m conntrack --ctstate RELATED
-A PREROUTING -m conntrack --ctstate UNTRACKED
-A PREROUTING -m mark --mark 0x7/0xf
-A POSTROUTING -d 172.17.0.2/32 -p tcp -m tcp --dport 6379
COMMIT
*nat
-A PREROUTING -d 198.51.100.2/32 -p tcp -m tcp --dport 10000 -j DNAT --to-destination 172.17.0.2:6379
COMMIT
`;
const NAMES = ['INVALID', 'NEW', 'ESTABLISHED', 'RELATED', 'UNTRACKED', 'mark', 'translated'];

/** What matched, in the order of the packets' rules, by how often. */
async function matched(...packets: string[]): Promise<string> {
  const rows = (await askAll(RULES, packets)).filter(({ rule }) => rule.address.startsWith('mangle'));
  return rows
    .flatMap(({ matched: n }, i) => (n > 0 ? [n === 1 ? NAMES[i] : `${NAMES[i]} ${n}`] : []))
    .join(', ');
}

const TCP = 'tcp 203.0.113.5:4000 > 198.51.100.2:10000 in eth0';

describe('what is told of a packet beside its bytes', () => {
  it.each([
    [TCP, 'NEW, translated'],
    [`${TCP} state NEW`, 'NEW, translated'],
    [`${TCP} state ESTABLISHED`, 'ESTABLISHED'],
    [`${TCP} state related`, 'RELATED'],
    [`${TCP} state INVALID`, 'INVALID'],
    [`${TCP} state UNTRACKED`, 'UNTRACKED'],
    [`${TCP} mark 0x17`, 'NEW, mark, translated'],
    [`${TCP} mark 23`, 'NEW, mark, translated'],
    ['icmp 203.0.113.5 > 198.51.100.2 in eth0 state INVALID', 'INVALID'],
    ['icmp 203.0.113.5 > 198.51.100.2 in eth0 state ESTABLISHED', 'ESTABLISHED'],
    ['gre 203.0.113.5 > 198.51.100.2 in eth0 state ESTABLISHED', 'ESTABLISHED'],
    ['udp [2001:db8::1]:5 > [2001:db8::2]:53 in eth0 state ESTABLISHED', ''],
  ])('%s: %s', async (words, expected) => {
    expect(await matched(words)).toBe(expected);
  });

  it('makes of a connection that packets before have opened what is told, with its NAT', async () => {
    expect(await matched(TCP, `${TCP} state ESTABLISHED`)).toBe('NEW, ESTABLISHED, translated 2');
  });

  it('follows from the packets before where nothing is told', async () => {
    const answer = 'tcp 172.17.0.2:6379 > 203.0.113.5:4000 in docker0 flags SYN,ACK';
    expect(await matched(TCP, answer, `${TCP} flags ACK`)).toBe('NEW, ESTABLISHED 2, translated 2');
  });
});
