import type { Random } from './random.js';

/** One thing changed in what `nft list ruleset` printed, and who is to be named for it. */
export interface Mutation {
  readonly text: string;
  readonly what: string;
  readonly suspect: RuleSuspect | SetSuspect;
}

export interface RuleSuspect {
  readonly table: string;
  readonly chain: string;
  /** The numbers (1-based) that name it; null: the policy. */
  readonly rules: readonly number[] | null;
}

export interface SetSuspect {
  readonly set: string;
}

interface RuleLine {
  readonly line: number;
  readonly table: string;
  readonly chain: string;
  readonly number: number;
  readonly isNat: boolean;
}

interface Listing {
  readonly lines: readonly string[];
  readonly rules: readonly RuleLine[];
  readonly policies: readonly RuleLine[];
  /** Lines of `elements = {`, with those that follow it. */
  readonly elements: readonly { readonly from: number; readonly to: number; readonly set: string }[];
}

function read(text: string): Listing {
  const lines = text.split('\n');
  const rules: RuleLine[] = [];
  const policies: RuleLine[] = [];
  const elements: { from: number; to: number; set: string }[] = [];
  let table = '';
  let chain = '';
  let set = '';
  let number = 0;
  let isNat = false;
  lines.forEach((line, i) => {
    const head = /^(\t?)(table|chain|set|map) (?:(\S+) )?(\S+) \{$/.exec(line);
    if (head) {
      if (head[2] === 'table') table = head[4];
      chain = head[2] === 'chain' ? head[4] : '';
      set = head[2] === 'set' || head[2] === 'map' ? head[4] : '';
      [number, isNat] = [0, false];
    } else if (line === '\t}') chain = set = '';
    else if (chain !== '' && /^\t\ttype .* policy /.test(line)) {
      isNat = line.includes('type nat');
      policies.push({ line: i, table, chain, number: 0, isNat });
    } else if (chain !== '') rules.push({ line: i, table, chain, number: ++number, isNat });
    else if (set !== '' && line.includes('elements = {')) {
      let to = i;
      while (!lines[to].endsWith('}')) to++;
      elements.push({ from: i, to, set });
    }
  });
  return { lines, rules, policies, elements };
}

const DEVICES = ['eth0', 'eth1', 'docker0'];

/** Other words for one rule; null where it has nothing of the kind. */
const REWORDINGS: Record<string, (rule: string, random: Random, of: RuleLine) => string | null> = {
  port: (rule) =>
    replaced(rule, /(?:[ds]port (?:!= )?|:)(\d+)(?![\d:-])/, (n) => String((Number(n) + 1) % 65536)),
  addr: (rule) =>
    replaced(rule, /(?:[sd]addr (?:!= )?\d+\.\d+\.\d+\.)(\d+)(?![\d/.-])/, (n) =>
      String((Number(n) + 1) % 255),
    ),
  target: (rule, random, { isNat }) =>
    replaced(rule, / ?\b(accept|drop|return)$/, (verdict) => {
      if (verdict === 'accept') return isNat ? 'return' : 'drop';
      return verdict === 'drop' ? 'accept' : isNat ? 'accept' : random.of(['accept', 'drop']);
    }),
  iface: (rule, random) =>
    replaced(rule, /[io]if(?:name)? (?:!= )?"(eth0|eth1|docker0)"/, (name) =>
      random.of(DEVICES.filter((d) => d !== name)),
    ),
  negate: (rule) => {
    const m = /((?:[sd]addr|[ds]port|[io]if(?:name)?|l4proto|ip protocol) )(!= )?(?!v?map |!)/.exec(rule);
    if (!m) return null;
    const at = m.index;
    return rule.slice(0, at) + m[1] + (m[2] ? '' : '!= ') + rule.slice(at + m[0].length);
  },
  prefix: (rule) => replaced(rule, /log prefix "([^"]*)"/, (prefix) => `x${prefix}`),
  proto: (rule) =>
    replaced(rule, /(?:l4proto|ip protocol) (?:!= )?(tcp|udp|icmp)$/, (name) =>
      name === 'tcp' ? 'udp' : 'tcp',
    ) ??
    replaced(rule, /(?:l4proto|ip protocol) (?:!= )?(tcp|udp|icmp) (?!sport|dport)/, (name) =>
      name === 'tcp' ? 'udp' : 'tcp',
    ),
  state: (rule) =>
    replaced(rule, /ct state ((?:new|established|related|invalid|untracked)(?:,[a-z,]+)?)/, (states) =>
      states.includes('established') ? 'new' : `established,${states}`,
    ),
  mark: (rule) => replaced(rule, /mark set (0x[0-9a-f]{8})$/, () => '0x00000077'),
};

function replaced(text: string, pattern: RegExp, by: (found: string) => string): string | null {
  const m = new RegExp(pattern.source, `${pattern.flags}d`).exec(text);
  const at = m?.indices?.[1];
  if (!m || !at) return null;
  return text.slice(0, at[0]) + by(m[1]) + text.slice(at[1]);
}

const KINDS = ['remove', 'add', 'swap', 'policy', 'element', ...Object.keys(REWORDINGS)];

/** Changes one thing; null where the kind that was drawn does not suit what it met. */
export function mutateNft(text: string, random: Random): Mutation | null {
  const { lines, rules, policies, elements } = read(text);
  if (rules.length === 0) return null;
  const kind = random.of(KINDS);
  const reworded = (rule: RuleLine): string | null => REWORDINGS[kind](lines[rule.line], random, rule);
  // Of each kind as many as of any other, though few rules ask for a port.
  const suited =
    kind in REWORDINGS ? rules.filter((r) => ![null, lines[r.line]].includes(reworded(r))) : rules;
  if (suited.length === 0) return null;
  const rule = random.of(suited);
  const { line, table, chain, number, isNat } = rule;
  const changed = [...lines];
  const done = (what: string, numbers: readonly number[] = [number, number + 1]): Mutation => ({
    text: changed.join('\n'),
    what: `${kind} ${table}:${chain}:${number}: ${what}`,
    suspect: { table, chain, rules: numbers },
  });
  switch (kind) {
    case 'remove':
      changed.splice(line, 1);
      return done(lines[line].trim(), [number - 1, number, number + 1]);
    case 'add': {
      const protocol = random.of(['tcp', 'udp', 'icmp']);
      const verdict = isNat ? 'return' : random.of(['drop', 'return', 'accept']);
      changed.splice(line, 0, `\t\tmeta l4proto ${protocol} ${verdict}`);
      return done(changed[line].trim());
    }
    case 'swap': {
      const next = rules.find((r) => r.table === table && r.chain === chain && r.number === number + 1);
      if (!next || lines[next.line] === lines[line]) return null;
      [changed[line], changed[next.line]] = [lines[next.line], lines[line]];
      return done(`${lines[line].trim()} with ${lines[next.line].trim()}`, [number, number + 1, number + 2]);
    }
    case 'policy': {
      const policy = random.of(policies);
      if (policy.isNat) return null;
      changed[policy.line] = lines[policy.line].replace(/policy (accept|drop);/, (_, was: string) =>
        was === 'drop' ? 'policy accept;' : 'policy drop;',
      );
      return {
        text: changed.join('\n'),
        what: `policy ${policy.table}:${policy.chain}`,
        suspect: { table: policy.table, chain: policy.chain, rules: null },
      };
    }
    case 'element': {
      if (elements.length === 0) return null;
      const { from, to, set } = random.of(elements);
      const block = lines.slice(from, to + 1).join('\n');
      const list = block.slice(block.indexOf('{') + 1, block.lastIndexOf('}')).split(',');
      const gone = random.of(list);
      const rest = list.filter((e) => e !== gone);
      const left = rest.length === 0 ? [] : [`${block.slice(0, block.indexOf('{') + 1)}${rest.join(',')} }`];
      changed.splice(from, to - from + 1, ...left);
      return { text: changed.join('\n'), what: `element ${set}: ${gone.trim()}`, suspect: { set } };
    }
    default: {
      const other = reworded(rule);
      if (other === null) return null;
      changed[line] = other;
      return done(`${lines[line].trim()} -> ${other.trim()}`);
    }
  }
}
