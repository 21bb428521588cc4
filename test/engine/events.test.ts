import { describe, expect, it } from 'vitest';
import { eventsOf } from './helpers/router.js';

const NAT = `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -m conntrack --ctstate NEW
COMMIT
`;
const TUPLES = 'src=192.168.1.10 dst=203.0.113.5 sport=1000 dport=80';
const REPLY = 'src=203.0.113.5 dst=192.168.1.10 sport=80 dport=1000';

describe('conntrack events, as conntrack -E prints them', () => {
  it('have no counters but the last, and a state only where that changed', async () => {
    const events = await eventsOf(
      NAT,
      [
        [0, 'eth1', 'tcp 192.168.1.10:1000 > 203.0.113.5:80 A seq 1 ack 1'],
        [0.001, 'eth0', 'tcp 203.0.113.5:80 > 192.168.1.10:1000 A seq 1 ack 1'],
        [0.002, 'eth1', 'tcp 192.168.1.10:1000 > 203.0.113.5:80 R seq 1'],
        [20, 'eth1', 'tcp 192.168.1.10:1000 > 203.0.113.5:80 S seq 1'],
      ],
      ['net.netfilter.nf_conntrack_acct=1'],
    );
    expect(events).toEqual([
      `    [NEW] tcp      6 300 ESTABLISHED ${TUPLES} [UNREPLIED] ${REPLY}`,
      ` [UPDATE] tcp      6 300 ${TUPLES} ${REPLY}`,
      ` [UPDATE] tcp      6 10 CLOSE ${TUPLES} ${REPLY}`,
      `[DESTROY] tcp      6 CLOSE ${TUPLES} packets=2 bytes=80 ${REPLY} packets=1 bytes=40`,
      `    [NEW] tcp      6 120 SYN_SENT ${TUPLES} [UNREPLIED] ${REPLY}`,
    ]);
  });

  it('tell of a mark or a label that a later packet sets, also to 0, and of an error that sets one', async () => {
    const rules = `*mangle
:PREROUTING ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -i eth1 -m conntrack --ctstate NEW -j CONNMARK --set-xmark 0x5/0xffffffff
-A FORWARD -i eth0 -m dscp --dscp 0x01 -j CONNMARK --set-xmark 0x0/0xffffffff
-A FORWARD -i eth0 -m dscp --dscp 0x02 -m connlabel --label 3 --set
-A OUTPUT -p icmp -j CONNMARK --set-xmark 0x9/0xffffffff
COMMIT
`;
    const udp = 'src=192.168.1.10 dst=203.0.113.5 sport=1000 dport=80';
    const reply = 'src=203.0.113.5 dst=192.168.1.10 sport=80 dport=1000';
    const events = await eventsOf(NAT + rules, [
      [0, 'eth1', 'udp 192.168.1.10:1000 > 203.0.113.5:80'],
      [0.1, 'eth0', 'udp 203.0.113.5:80 > 192.168.1.10:1000 tos 4'],
      [0.2, 'eth0', 'udp 203.0.113.5:80 > 192.168.1.10:1000 tos 8'],
      [0.3, 'eth0', 'udp 203.0.113.5:80 > 192.168.1.10:1000 tos 8'],
      [0.4, 'eth0', 'udp 203.0.113.77:80 > 198.51.100.2:9'],
    ]);
    expect(events).toEqual([
      `    [NEW] udp      17 30 ${udp} [UNREPLIED] ${reply} mark=5`,
      ` [UPDATE] udp      17 30 ${udp} ${reply} mark=0`,
      ` [UPDATE] udp      17 30 ${udp} ${reply}`,
      '    [NEW] udp      17 30 src=203.0.113.77 dst=198.51.100.2 sport=80 dport=9 [UNREPLIED] src=198.51.100.2 dst=203.0.113.77 sport=9 dport=80',
      ' [UPDATE] udp      17 30 src=203.0.113.77 dst=198.51.100.2 sport=80 dport=9 [UNREPLIED] src=198.51.100.2 dst=203.0.113.77 sport=9 dport=80 mark=9',
    ]);
  });
});
