import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../../src/address/ip.js';
import { decodePacket, type Packet } from '../../../src/packet/packet.js';
import { rewrite } from '../../../src/packet/rewrite.js';
import { play } from '../helpers/router.js';
import { packetOf } from '../helpers/words.js';

const nat = (...rules: string[]): string => `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
${rules.map((r) => `-A ${r}\n`).join('')}COMMIT
`;
const MASQUERADE = nat('POSTROUTING -o eth0 -j MASQUERADE');
const PUBLISH = nat('PREROUTING -i eth0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80');

describe('source translation', () => {
  it('keeps the port where it is free, and sends the answer back', async () => {
    const { left, connections } = await play(MASQUERADE, [
      [0, 'eth1', 'udp 192.168.1.10:1000 > 203.0.113.5:53 len 5'],
      [1, 'eth0', 'udp 203.0.113.5:53 > 198.51.100.2:1000 len 9'],
    ]);
    expect(left).toEqual([
      'eth0 udp 198.51.100.2:1000 > 203.0.113.5:53 ttl 63',
      'eth1 udp 203.0.113.5:53 > 192.168.1.10:1000 ttl 63',
    ]);
    expect(connections).toEqual([
      'udp src=192.168.1.10 dst=203.0.113.5 sport=1000 dport=53 src=203.0.113.5 dst=198.51.100.2 sport=53 dport=1000',
    ]);
  });

  it('takes another port for the second client with the same one', async () => {
    const { left } = await play(MASQUERADE, [
      [0, 'eth1', 'udp 192.168.1.10:2000 > 203.0.113.5:53'],
      [1, 'eth1', 'udp 192.168.1.11:2000 > 203.0.113.5:53'],
      [2, 'eth1', 'udp 192.168.1.11:2000 > 203.0.113.6:53'],
    ]);
    const ports = left.map((l) => Number(/198\.51\.100\.2:(\d+)/.exec(l)?.[1]));
    expect(ports[0]).toBe(2000);
    expect(ports[1]).toBeGreaterThanOrEqual(1024);
    expect(ports[1]).not.toBe(2000);
    // A client that is mapped already keeps its mapping towards others (RFC 4787, endpoint-independent mapping).
    expect(ports[2]).toBe(ports[1]);
  });

  it('asks the rules only for the first packet of a connection', async () => {
    const { saved } = await play(MASQUERADE, [
      [0, 'eth1', 'udp 192.168.1.10:1000 > 203.0.113.5:53'],
      [1, 'eth1', 'udp 192.168.1.10:1000 > 203.0.113.5:53'],
    ]);
    expect(saved).toContain('[1:28] -A POSTROUTING -o eth0 -j MASQUERADE');
  });

  it('translates in INPUT, too, for what the host itself gets', async () => {
    const { connections } = await play(nat('INPUT -j SNAT --to-source 192.168.1.99'), [
      [0, 'eth1', 'udp 192.168.1.10:1000 > 192.168.1.1:53'],
    ]);
    expect(connections[0]).toContain('src=192.168.1.1 dst=192.168.1.99 sport=53 dport=1000');
  });
});

describe('destination translation', () => {
  it('publishes a port, and shows the client only the published one', async () => {
    const { left } = await play(PUBLISH, [
      [0, 'eth0', 'tcp 203.0.113.5:1000 > 198.51.100.2:8080 S seq 1'],
      [1, 'docker0', 'tcp 172.17.0.2:80 > 203.0.113.5:1000 SA seq 9 ack 2'],
    ]);
    expect(left).toEqual([
      'docker0 tcp 203.0.113.5:1000 > 172.17.0.2:80 ttl 63',
      'eth0 tcp 198.51.100.2:8080 > 203.0.113.5:1000 ttl 63',
    ]);
  });

  it('brings a client back in by where it came from (hairpin)', async () => {
    const { left } = await play(
      nat(
        'PREROUTING -d 198.51.100.2 -p tcp -m tcp --dport 80 -j DNAT --to-destination 192.168.1.20',
        'POSTROUTING -o eth1 -j MASQUERADE',
      ),
      [
        [0, 'eth1', 'tcp 192.168.1.10:1000 > 198.51.100.2:80 S seq 1'],
        [1, 'eth1', 'tcp 192.168.1.20:80 > 192.168.1.1:1000 SA seq 9 ack 2'],
      ],
    );
    expect(left).toEqual([
      'eth1 tcp 192.168.1.1:1000 > 192.168.1.20:80 ttl 63',
      'eth1 tcp 198.51.100.2:80 > 192.168.1.10:1000 ttl 63',
    ]);
  });

  it('maps a network, host bits kept', async () => {
    const { left } = await play(nat('PREROUTING -d 198.51.100.0/24 -j NETMAP --to 172.17.5.0/24'), [
      [0, 'eth0', 'udp 203.0.113.5:1 > 198.51.100.77:2'],
    ]);
    expect(left).toEqual(['docker0 udp 203.0.113.5:1 > 172.17.5.77:2 ttl 63']);
  });

  it('redirects to the address of the interface', async () => {
    const { connections } = await play(nat('PREROUTING -p udp -j REDIRECT --to-ports 3000'), [
      [0, 'eth1', 'udp 192.168.1.10:1000 > 203.0.113.5:53'],
    ]);
    expect(connections[0]).toContain('src=192.168.1.1 dst=192.168.1.10 sport=3000 dport=1000');
  });
});

describe('ICMP errors about translated connections', () => {
  const query = [0, 'eth1', 'udp 192.168.1.10:1000 > 203.0.113.5:53 len 5'] as const;

  it('come back to the client', async () => {
    const { left } = await play(MASQUERADE, [
      query,
      [
        1,
        'eth0',
        'icmp 203.0.113.5 > 198.51.100.2 3/3 about udp 198.51.100.2:1000 > 203.0.113.5:53 len 5 (quote 28)',
      ],
    ]);
    expect(left[1]).toBe('eth1 icmp 203.0.113.5 > 192.168.1.10 3/3 ttl 63');
  });

  it('are related by a quotation of the ports alone, but too short to be translated: dropped', async () => {
    const short = 'about udp 198.51.100.2:1000 > 203.0.113.5:53 len 5 (quote 24)';
    const { left } = await play(MASQUERADE, [
      query,
      [1, 'eth0', `icmp 203.0.113.5 > 198.51.100.2 3/3 ${short}`],
    ]);
    expect(left).toHaveLength(1);
  });

  it('are dropped with a wrong checksum, even where conntrack checks none', async () => {
    const about = 'badsum about udp 192.168.1.10:1000 > 203.0.113.5:53 len 5';
    const rows = [query, [1, 'eth0', `icmp 203.0.113.5 > 192.168.1.10 3/3 ${about}`]] as const;
    const { left } = await play(nat('PREROUTING -i eth9 -j REDIRECT'), rows, {
      sysctls: ['net.netfilter.nf_conntrack_checksum=0'],
    });
    expect(left).toHaveLength(1);
  });
});

it('leaves the checksum of DCCP as it was', () => {
  const packet = decodePacket(packetOf('ip 172.17.0.2 > 172.17.0.3 proto 33 len 24')) as Packet;
  const before = packet.data.slice(20);
  rewrite(packet, { source: parseAddress('172.17.0.1') });
  expect(packet.data.slice(20)).toEqual(before);
});

it('drops GRE that is too short to be translated', async () => {
  const { left } = await play(nat('PREROUTING -d 198.51.100.2 -j DNAT --to-destination 172.17.0.2'), [
    [0, 'eth0', 'gre 203.0.113.5 > 198.51.100.2'],
    [1, 'eth0', 'gre 203.0.113.6 > 198.51.100.2 len 4'],
  ]);
  expect(left).toEqual(['docker0 47 203.0.113.6 > 172.17.0.2 ttl 63']);
});
