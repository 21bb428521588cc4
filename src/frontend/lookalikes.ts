/** What is taken for rules and is none, or not all of them: what it is, and what to give instead. */
export interface Lookalike {
  readonly what: string;
  readonly advice: string;
}

const SAVE = 'Give what iptables-save -c prints, and ip6tables-save -c.';
const LOADED = 'Give what it made of them, as the host has it loaded: nft list ruleset, or iptables-save -c and ip6tables-save -c.'; // prettier-ignore

const KINDS: readonly (readonly [RegExp, string, string])[] = [
  [
    /^Chain \S+ \((?:policy |\d+ references)/m,
    'is what iptables -L prints, which leaves out interfaces, options and other tables',
    SAVE,
  ],
  [/^(?:-P|-N|-A) \S+/m, 'is what iptables -S prints, which does not say of which table', SAVE],
  [
    /^<\?xml[^>]*>\s*(?:<!--[^]*?-->\s*)?<(?:zone|policy|service|ipset|direct|icmptype|helper)\b/,
    "is a file of firewalld's settings",
    LOADED,
  ],
  [/^Status: (?:in)?active\s/, 'is what ufw status prints', LOADED],
  [/^To\s+Action\s+From\s/m, 'is what ufw status prints', LOADED],
  [/^config (?:defaults|zone|rule|forwarding|redirect)\b/m, "is OpenWrt's settings, not the rules", LOADED],
  [/^#ACTION\s+SOURCE\s+DEST/m, "is a file of shorewall's settings", LOADED],
  [
    /^(?:block|pass|scrub|match)[ \t]+(?:drop |return )?(?:in|out|all|quick|log)\b/m,
    'has rules of pf, not of netfilter',
    'Packets are replayed through netfilter, the firewall of Linux, only.',
  ],
  [
    /^\d{5} (?:allow|deny|pass|count|divert|fwd|pipe|skipto|check-state|reject) /m,
    'has rules of ipfw, not of netfilter',
    'Packets are replayed through netfilter, the firewall of Linux, only.',
  ],
  [
    /^apiVersion: /m,
    'is a manifest of Kubernetes',
    'Give what the node made of it: iptables-save -c, ipset save, nft list ruleset.',
  ],
];

/** What a text that is none of the known kinds of rules is; null: nobody knows. */
export function lookalikeOf(text: string): Lookalike | null {
  const start = text.slice(0, 20_000).replace(/^\ufeff/, '').trimStart(); // prettier-ignore
  for (const [pattern, what, advice] of KINDS) if (pattern.test(start)) return { what, advice };
  return null;
}

/** What a text in the form of iptables-save is where it is not the rules of iptables that a host has. */
export function partOfSave(text: string): Lookalike | null {
  if (/^\*broute$|^-A .*(?: -p (?:IPv4|IPv6|ARP)\b| --logical-(?:in|out) )/m.test(text))
    return {
      what: 'has rules of ebtables',
      advice: 'They are read from nft list ruleset, in the tables of the family bridge.',
    };
  if (/^:ufw6?-/m.test(text) && !/^:(?:INPUT|PREROUTING) /m.test(text))
    return { what: "is one of ufw's files, whose rules go into chains that others make", advice: SAVE };
  return null;
}
