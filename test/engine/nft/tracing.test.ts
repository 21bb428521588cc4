import { describe, expect, it } from 'vitest';
import { parseSave } from '../../../src/frontend/iptables/save.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { play, tablesOf } from '../helpers/nft.js';

const RULES = `table inet t {
	chain pre {
		type filter hook prerouting priority -300; policy accept;
		meta nftrace set 1
	}

	chain user {
		tcp dport 22 return
		counter packets 0 bytes 0
		ip ttl 64 meta mark set 5
		goto other
	}

	chain other {
		udp dport 53 accept
	}

	chain in {
		type filter hook input priority filter; policy drop;
		icmp type echo-request accept
		jump user
		ip protocol vmap { tcp : jump user, udp : accept }
		tcp dport 80 reject with tcp reset
	}
}
table ip n {
	chain p {
		type nat hook prerouting priority dstnat; policy accept;
		tcp dport 8080 redirect to :80
	}
}
`;
const PACKETS = [
  '4500001c000100004001266ec6336409c63364020800f7f700070001',
  '4500002c0002000040062658c6336409c633640203e800160000000000000000600220001fb60000020405b4',
  '4500001f0003000040112659c6336409c633640203e80035000be2e5616263',
  '45100028000440004006e649c6336409c633640203e91f9000000000000000005002200017f70000',
];

const SAVE = '*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n';

/** Steps with the number of their packet, as it came. */
function stepsOf(trace: string): string[] {
  const numbers = new Map<string, number>();
  return trace
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, id, rest] = /^trace id ([0-9a-f]{8}) (.*?) ?$/.exec(line)!;
      if (!numbers.has(id)) numbers.set(id, numbers.size + 1);
      return `${numbers.get(id)} ${rest}`;
    });
}

/* What `nft monitor trace` of nft 1.0.6 told on Linux 6.18, but for the link addresses. */
describe('a trace', () => {
  it('tells what the rules that match come to, and the policies', async () => {
    const { trace } = await play(
      RULES,
      PACKETS.map((hex) => `eth0: hex ${hex}`),
    );
    expect(stepsOf(trace)).toEqual([
      `1 inet t pre packet: iif "eth0" ip saddr 198.51.100.9 ip daddr 198.51.100.2 ip dscp cs0 ip ecn not-ect ip ttl 64 ip id 1 ip protocol icmp ip length 28 icmp type echo-request icmp code net-unreachable icmp id 7 icmp sequence 1`,
      `1 inet t pre rule meta nftrace set 1 (verdict continue)`,
      `1 inet t pre policy accept`,
      `1 ip n p packet: iif "eth0" ip saddr 198.51.100.9 ip daddr 198.51.100.2 ip dscp cs0 ip ecn not-ect ip ttl 64 ip id 1 ip length 28 icmp type echo-request icmp code net-unreachable icmp id 7 icmp sequence 1`,
      `1 ip n p policy accept`,
      `1 inet t in packet: iif "eth0" ip saddr 198.51.100.9 ip daddr 198.51.100.2 ip dscp cs0 ip ecn not-ect ip ttl 64 ip id 1 ip protocol icmp ip length 28 icmp type echo-request icmp code net-unreachable icmp id 7 icmp sequence 1`,
      `1 inet t in rule icmp type echo-request accept (verdict accept)`,
      `2 inet t pre packet: iif "eth0" ip saddr 198.51.100.9 ip daddr 198.51.100.2 ip dscp cs0 ip ecn not-ect ip ttl 64 ip id 2 ip protocol tcp ip length 44 tcp sport 1000 tcp dport 22 tcp flags == syn tcp window 8192`,
      `2 inet t pre rule meta nftrace set 1 (verdict continue)`,
      `2 inet t pre policy accept`,
      `2 ip n p packet: iif "eth0" ip saddr 198.51.100.9 ip daddr 198.51.100.2 ip dscp cs0 ip ecn not-ect ip ttl 64 ip id 2 ip length 44 tcp sport 1000 tcp dport 22 tcp flags == syn tcp window 8192`,
      `2 ip n p policy accept`,
      `2 inet t in packet: iif "eth0" ip saddr 198.51.100.9 ip daddr 198.51.100.2 ip dscp cs0 ip ecn not-ect ip ttl 64 ip id 2 ip protocol tcp ip length 44 tcp sport 1000 tcp dport 22 tcp flags == syn tcp window 8192`,
      `2 inet t in rule jump user (verdict jump user)`,
      `2 inet t user rule tcp dport 22 return (verdict return)`,
      `2 inet t in rule ip protocol vmap { tcp : jump user, udp : accept } (verdict jump user)`,
      `2 inet t user rule tcp dport 22 return (verdict return)`,
      `2 inet t in policy drop`,
      `3 inet t pre packet: iif "eth0" ip saddr 198.51.100.9 ip daddr 198.51.100.2 ip dscp cs0 ip ecn not-ect ip ttl 64 ip id 3 ip protocol udp ip length 31 udp sport 1000 udp dport 53 udp length 11 @th,64,24 0x616263`,
      `3 inet t pre rule meta nftrace set 1 (verdict continue)`,
      `3 inet t pre policy accept`,
      `3 ip n p packet: iif "eth0" ip saddr 198.51.100.9 ip daddr 198.51.100.2 ip dscp cs0 ip ecn not-ect ip ttl 64 ip id 3 ip length 31 udp sport 1000 udp dport 53 udp length 11 @th,64,24 0x616263`,
      `3 ip n p policy accept`,
      `3 inet t in packet: iif "eth0" ip saddr 198.51.100.9 ip daddr 198.51.100.2 ip dscp cs0 ip ecn not-ect ip ttl 64 ip id 3 ip protocol udp ip length 31 udp sport 1000 udp dport 53 udp length 11 @th,64,24 0x616263`,
      `3 inet t in rule jump user (verdict jump user)`,
      `3 inet t user rule counter packets 0 bytes 0 (verdict continue)`,
      `3 inet t user rule ip ttl 64 meta mark set 0x00000005 (verdict continue)`,
      `3 inet t user rule goto other (verdict goto other)`,
      `3 inet t other rule udp dport 53 accept (verdict accept)`,
      `4 inet t pre packet: iif "eth0" ip saddr 198.51.100.9 ip daddr 198.51.100.2 ip dscp 0x04 ip ecn not-ect ip ttl 64 ip id 4 ip protocol tcp ip length 40 tcp sport 1001 tcp dport 8080 tcp flags == syn tcp window 8192`,
      `4 inet t pre rule meta nftrace set 1 (verdict continue)`,
      `4 inet t pre policy accept`,
      `4 ip n p packet: iif "eth0" ip saddr 198.51.100.9 ip daddr 198.51.100.2 ip dscp 0x04 ip ecn not-ect ip ttl 64 ip id 4 ip length 40 tcp sport 1001 tcp dport 8080 tcp flags == syn tcp window 8192`,
      `4 ip n p rule tcp dport 8080 redirect to :80 (verdict accept)`,
      `4 inet t in packet: iif "eth0" ip saddr 198.51.100.9 ip daddr 198.51.100.2 ip dscp 0x04 ip ecn not-ect ip ttl 64 ip id 4 ip protocol tcp ip length 40 tcp sport 1001 tcp dport 80 tcp flags == syn tcp window 8192`,
      `4 inet t in rule jump user (verdict jump user)`,
      `4 inet t user rule counter packets 0 bytes 0 (verdict continue)`,
      `4 inet t user rule ip ttl 64 meta mark set 0x00000005 (verdict continue)`,
      `4 inet t user rule goto other (verdict goto other)`,
      `4 inet t in rule ip protocol vmap { tcp : jump user, udp : accept } (verdict jump user)`,
      `4 inet t user rule counter packets 0 bytes 0 (verdict continue)`,
      `4 inet t user rule ip ttl 64 meta mark set 0x00000005 (verdict continue)`,
      `4 inet t user rule goto other (verdict goto other)`,
      `4 inet t in rule tcp dport 80 reject with tcp reset (verdict drop)`,
    ]);
  });

  it('ends where a rule sets it to 0, and tells of the mark with a policy', async () => {
    const rules = `table ip t {
	chain a {
		type filter hook prerouting priority -300; policy accept;
		meta nftrace set 1 meta mark set 0x2a
	}

	chain b {
		type filter hook prerouting priority -200; policy accept;
		meta nftrace set 0
	}
}
`;
    const { trace } = await play(rules, ['eth0: udp 198.51.100.9:5 > 198.51.100.2:9 len 0']);
    expect(stepsOf(trace).slice(1)).toEqual([
      '1 ip t a rule meta nftrace set 1 meta mark set 0x0000002a (verdict continue)',
      '1 ip t a policy accept meta mark 0x0000002a',
    ]);
  });

  it('that nft begins has iptables write lines about the packet', async () => {
    const { lines } = await play(
      [...tablesOf(RULES), ...parseSave(SAVE, 'save', 4, new Diagnostics())],
      [`eth0: hex ${PACKETS[0]}`],
    );
    expect(lines.map(({ text }) => text.slice(0, 27))).toEqual(['TRACE: filter:INPUT:policy:']);
  });
});
