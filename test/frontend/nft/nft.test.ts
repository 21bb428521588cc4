import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { parseNftJson } from '../../../src/frontend/nft/json/json.js';
import { parseNft } from '../../../src/frontend/nft/read/parse.js';
import { modelValues, printNft, printRule } from '../../../src/frontend/nft/print/print.js';
import type { Family } from '../../../src/rules/model.js';
import type { NftRuleset } from '../../../src/rules/nft/model.js';
import { cases, inTable } from './rows.js';

const DIR = join(import.meta.dirname, 'rulesets');
const RULESETS = readdirSync(DIR).filter((name) => name.endsWith('.nft'));

/** A model without what only one of text and JSON says: places and handles. */
function comparable(ruleset: NftRuleset): unknown {
  return JSON.parse(
    JSON.stringify(ruleset, (key, value: unknown) =>
      key === 'position' || key === 'handle'
        ? undefined
        : value instanceof Map
          ? [...(value as Map<string, unknown>)]
          : value instanceof Uint8Array
            ? [...value]
            : value,
    ),
  );
}

describe('what nft list ruleset printed', () => {
  it.each(RULESETS)('%s is printed back byte for byte', (name) => {
    const text = readFileSync(join(DIR, name), 'utf8');
    const diagnostics = new Diagnostics();
    expect(printNft(parseNft(text, name, diagnostics, undefined, true))).toBe(text);
    expect(diagnostics.list).toEqual([]);
  });

  // Each was loaded with icmpx into the kernel, or with the name that it has here.
  it.each([
    ['ip saddr 10.0.0.1 reject', 'icmpx'],
    ['ip saddr & 0.0.0.255 == 0.0.0.1 reject', 'icmpx'],
    ['ip option rr exists th dport 6379 reject', 'icmpx'],
    ['ip saddr 10.0.0.1 reject with icmp port-unreachable', 'icmp'],
    ['ip6 saddr ::1 reject with icmpv6 port-unreachable', 'icmpv6'],
  ])('%s in an inet table was %s', (rule, how) => {
    const text = `table inet t {\n\tchain c {\n\t\t${rule}\n\t}\n}\n`;
    const diagnostics = new Diagnostics();
    const ruleset = parseNft(text, 'listed', diagnostics, undefined, true);
    expect(printNft(ruleset)).toBe(text);
    expect(diagnostics.list).toEqual([]);
    expect(ruleset.tables[0].chains.get('c')?.rules[0].statements.at(-1)).toMatchObject({ with: how });
  });

  it.each([
    'icmp type { destination-unreachable, echo-request } reject with tcp reset',
    'udp dport 443 meta l4proto { tcp, udp } meta l4proto tcp reject with tcp reset',
    'tcp dport { 22 }',
    'tcp flags { fin | syn, fin, syn | ack, syn }',
  ])('%s stays as the kernel took it', (rule) => {
    const text = `table inet t {\n\tchain c {\n\t\t${rule}\n\t}\n}\n`;
    const diagnostics = new Diagnostics();
    expect(printNft(parseNft(text, 'listed', diagnostics, undefined, true))).toBe(text);
    expect(diagnostics.list).toEqual([]);
  });

  it('reads labels of SELinux that a map gives by port, which this kernel has no module for', () => {
    const rules = ['tcp dport map @m', 'udp dport map { 53 : "a" }', '"a"', 'ct secmark'];
    const chain = rules.map((rule) => `\t\tmeta secmark set ${rule}\n`).join('');
    const map = '\tmap m {\n\t\ttype inet_service : secmark\n\t\telements = { 22 : "a" }\n\t}\n\n';
    const text = `table inet t {\n\tsecmark a {\n\t\t"u:r:t:s0"\n\t}\n\n${map}\tchain c {\n${chain}\t}\n}\n`;
    const diagnostics = new Diagnostics();
    expect(printNft(parseNft(text, 'written', diagnostics))).toBe(text);
    expect(diagnostics.list).toEqual([]);
  });

  it.each(RULESETS.filter((name) => /^nft-/.test(name)))('%s is the same model from JSON', (name) => {
    const text = readFileSync(join(DIR, name), 'utf8');
    const json = readFileSync(join(DIR, name.replace('.nft', '.json')), 'utf8');
    const diagnostics = new Diagnostics();
    const fromJson = parseNftJson(json, name, diagnostics);
    expect(diagnostics.list).toEqual([]);
    expect(comparable(fromJson)).toEqual(comparable(parseNft(text, name, new Diagnostics())));
    expect(printNft(fromJson)).toBe(text);
  });

  it('is what hand-written text is listed as', () => {
    const diagnostics = new Diagnostics();
    const ruleset = parseNft(readFileSync(join(DIR, 'families.input'), 'utf8'), 'input', diagnostics);
    expect(diagnostics.list).toEqual([]);
    expect(printNft(ruleset)).toBe(readFileSync(join(DIR, 'families.nft'), 'utf8'));
  });
});

function listing(family: Family, ruleset: NftRuleset): string | undefined {
  return ruleset.tables[0]?.chains
    .get('c')
    ?.rules.map((rule) => printRule(rule, family, modelValues))
    .join('\n');
}

describe.each([
  ['1.0.6', 3000, 400],
  ['1.1.3', 100, 20],
])('single rules, against nft %s', (version, listings, refusals) => {
  const all = cases(version);

  it('are many', () => {
    expect(all.filter((c) => c.listed !== null).length).toBeGreaterThan(listings);
    expect(all.filter((c) => c.refused !== null).length).toBeGreaterThan(refusals);
  });

  it.each(all.filter((c) => c.listed !== null))('$family: $input', ({ family, input, listed, json }) => {
    const read = (text: string, wasListed: boolean): string | undefined => {
      const diagnostics = new Diagnostics();
      const ruleset = parseNft(inTable(family, text), 'rules', diagnostics, undefined, wasListed);
      expect(diagnostics.list).toEqual([]);
      return listing(family, ruleset);
    };
    expect(read(input, false)).toBe(listed);
    expect(read(listed ?? '', true)).toBe(listed);
    if (json === null) return;
    const value = JSON.parse(json) as unknown;
    const items = [
      { table: { family, name: 't' } },
      {
        map: { family, table: 't', name: 'im', type: 'ipv4_addr', map: ['ipv4_addr', 'inet_service'] },
      },
      { map: { family, table: 't', name: 'dm', type: 'ipv4_addr', map: 'mark' } },
      { map: { family, table: 't', name: 'dynm', type: 'ipv4_addr', map: 'mark' } },
      { chain: { family, table: 't', name: 'c' } },
      {
        rule: {
          family,
          table: 't',
          chain: 'c',
          ...(Array.isArray(value) ? { expr: value } : (value as object)),
        },
      },
    ];
    const diagnostics = new Diagnostics();
    const ruleset = parseNftJson(JSON.stringify({ nftables: items }), 'rules.json', diagnostics, true);
    // The sets and chains that the rule names are not all in it.
    expect(diagnostics.list.filter((d) => d.severity === 'error')).toEqual([]);
    expect(listing(family, ruleset)).toBe(listed);
  });

  it.each(all.filter((c) => c.refused !== null && !c.later))(
    '$family refuses: $input',
    ({ family, input }) => {
      const diagnostics = new Diagnostics();
      parseNft(inTable(family, input), 'rules', diagnostics);
      expect(diagnostics.hasErrors).toBe(true);
      const [first] = diagnostics.list;
      const lines = inTable(family, input).split('\n');
      expect(first.lineText).toBe(lines[(first.position?.line ?? 0) - 1]);
      // At the rule, or behind it where something is still to come.
      expect(first.position?.line).toBeGreaterThanOrEqual(lines.indexOf(input) + 1);
    },
  );

  it.each(all.filter((c) => c.later))('$family reads as later versions do: $input', ({ family, input }) => {
    const diagnostics = new Diagnostics();
    parseNft(inTable(family, input), 'rules', diagnostics);
    expect(diagnostics.list).toEqual([]);
  });

  it('leaves what nft listed in its order, also where nft did not merge fields that touch', () => {
    const rule =
      'ip daddr 192.168.1.1 ip saddr 192.168.1.12 ip frag-off & 8191 != 0 counter packets 0 bytes 0';
    const listing = `table ip t {\n\tchain c {\n\t\t${rule}\n\t}\n}\n`;
    const diagnostics = new Diagnostics();
    expect(printNft(parseNft(listing, 'rules', diagnostics, undefined, true))).toBe(listing);
    expect(diagnostics.list).toEqual([]);
  });
});
