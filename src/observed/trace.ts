/** One step of a packet's way through the rules, as a tracing program reports it. */
export interface TraceStep {
  /** The kernel's name of the packet, the same in all of its steps until it is queued or copied. */
  readonly id: string;
  readonly family: string;
  readonly table: string | null;
  readonly chain: string | null;
  /** `packet`: what it looked like where it came into the chain. */
  readonly kind: 'packet' | 'rule' | 'return' | 'policy';
  /** As the program writes it: `accept`, `jump user`, `JUMP:user`; null where the step has none. */
  readonly verdict: string | null;
  /** The rule's text; null where the step is no rule, or the program could not find it. */
  readonly rule: string | null;
}

/** nft monitor trace (nft 1.0): `trace id 4933c05e inet t in rule udp dport 53 reject (verdict drop)`. */
const NFT =
  /^trace id ([0-9a-f]{1,16}) (ip|ip6|inet|arp|bridge|netdev) (\S+) (\S+) (packet: |rule |unknown rule |return|policy |verdict )(.*)$/;
const NFT_VERDICT = /^(.*?) ?\(verdict ([^()]*)\)$/;
/** xtables-monitor --trace: the family is its number, NFPROTO_* of linux/netfilter.h. */
const XTABLES = /^ ?(PACKET|TRACE): (\d{1,2}) ([0-9a-f]{1,16}) (.*)$/;
/** `filter:user:rule:0x6:DROP  -4 -t filter -A user …`, `raw:PREROUTING:policy:ACCEPT`. */
const XTABLES_STEP = /^([^:\s]+):([^:\s]+):(rule|return|policy):(?:0x[0-9a-f]+:)?(\S*)(?: +(\S.*))?$/;

const FAMILIES: ReadonlyMap<string, string> = new Map([
  ['2', 'ip'],
  ['3', 'arp'],
  ['7', 'bridge'],
  ['10', 'ip6'],
]);

/** Reads a line of `nft monitor trace` or `xtables-monitor --trace`; undefined for all other lines. */
export function readTrace(line: string): TraceStep | undefined {
  if (line.startsWith('trace id ')) return readNft(line.trimEnd());
  return /^(?:PACKET| ?TRACE): /.test(line) ? readXtables(line.trimEnd()) : undefined;
}

function readNft(line: string): TraceStep | undefined {
  const match = NFT.exec(line);
  if (!match) return undefined;
  const [, id, family, table, chain, word, rest] = match;
  const place = { id, family, table, chain };
  if (word === 'packet: ') return { ...place, kind: 'packet', verdict: null, rule: null };
  if (word === 'policy ') return { ...place, kind: 'policy', verdict: rest, rule: null };
  if (word === 'return') return { ...place, kind: 'return', verdict: 'return', rule: null };
  if (word === 'verdict ') return { ...place, kind: 'return', verdict: rest, rule: null };
  const verdict = NFT_VERDICT.exec(rest);
  const rule = word === 'rule ' ? (verdict?.[1] ?? rest) : null;
  return { ...place, kind: 'rule', verdict: verdict?.[2] ?? null, rule };
}

function readXtables(line: string): TraceStep | undefined {
  const match = XTABLES.exec(line);
  const family = match && FAMILIES.get(match[2]);
  if (!match || !family) return undefined;
  const [, word, , id, rest] = match;
  if (word === 'PACKET')
    return { id, family, table: null, chain: null, kind: 'packet', verdict: null, rule: null };
  const step = XTABLES_STEP.exec(rest);
  if (!step) return undefined;
  const [, table, chain, kind, verdict, rule] = step as unknown as [
    string,
    string,
    string,
    'rule' | 'return' | 'policy',
    string,
    string | undefined,
  ];
  return { id, family, table, chain, kind, verdict: verdict || null, rule: rule ?? null };
}
