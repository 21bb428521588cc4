import { describe, expect, it } from 'vitest';
import { lookalikeOf, partOfSave } from '../../src/frontend/lookalikes.js';
import { recogniseRules } from '../../src/frontend/recognise.js';

describe('what is given for rules and is none', () => {
  it.each([
    [
      'Chain INPUT (policy DROP 3 packets, 180 bytes)\nnum   pkts bytes target\n',
      'iptables -L',
      'iptables-save -c',
    ],
    [
      'Chain DOCKER (2 references)\ntarget     prot opt source               destination\n',
      'iptables -L',
      'iptables-save -c',
    ],
    ['-P INPUT ACCEPT\n-N DOCKER\n-A DOCKER -j RETURN\n', 'iptables -S', 'iptables-save -c'],
    [
      '<?xml version="1.0" encoding="utf-8"?>\n<!-- mine -->\n<zone>\n  <service name="ssh"/>\n</zone>\n',
      'firewalld',
      'nft list ruleset',
    ],
    ['Status: active\n\nTo                         Action      From\n', 'ufw status', 'iptables-save -c'],
    ["config defaults\n\toption input 'REJECT'\n", 'OpenWrt', 'nft list ruleset'],
    [
      '#ACTION         SOURCE          DEST            PROTO   DPORT\nSSH(ACCEPT)     loc             $FW\n',
      'shorewall',
      'iptables-save -c',
    ],
    ['set skip on lo\nblock in all\npass out keep state\n', 'pf', 'Linux'],
    ['00100 allow ip from any to any via lo0\n', 'ipfw', 'Linux'],
    ['apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n', 'Kubernetes', 'ipset save'],
  ])('%j', (text, what, advice) => {
    // prettier-ignore
    expect(recogniseRules(text)).toBeNull();
    const other = lookalikeOf(text);
    expect(other?.what).toContain(what);
    expect(other?.advice).toContain(advice);
  });

  it.each(['', 'hello\n', '{"other": 1}', 'Chain reaction\n', '-A\n'])('%j is told apart', (text) => {
    expect(lookalikeOf(text)).toBeNull();
  });

  it.each([
    ['*filter\n:ufw-user-input - [0:0]\n-A ufw-user-input -p tcp --dport 22 -j ACCEPT\nCOMMIT\n', 'ufw'],
    ['*filter\n:INPUT ACCEPT\n-A FORWARD -p IPv4 -i vnet0 -j DROP\n', 'ebtables'],
    [
      '*filter\n:INPUT ACCEPT [0:0]\n:ufw-user-input - [0:0]\n-A INPUT -j ufw-user-input\nCOMMIT\n',
      undefined,
    ],
    ['*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p icmp -j ACCEPT\nCOMMIT\n', undefined],
  ])('%j', (text, what) => {
    const part = partOfSave(text);
    if (what === undefined) expect(part).toBeNull();
    else expect(part?.what).toContain(what);
  });
});
