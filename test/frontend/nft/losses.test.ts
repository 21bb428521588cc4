import { describe, expect, it } from 'vitest';
import { parseNftJson } from '../../../src/frontend/nft/json/json.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';

const at = { family: 'inet', table: 't' };

function read(...items: object[]) {
  const diagnostics = new Diagnostics();
  const nftables = [{ table: { family: 'inet', name: 't' } }, ...items];
  const ruleset = parseNftJson(JSON.stringify({ nftables }), 'nft.json', diagnostics, true);
  return { ruleset, said: diagnostics.list.map((d) => `${d.severity}: ${d.message}`) };
}

/* As nft 1.0.6 printed `nft -j list ruleset`; what was loaded stands beside it. */
describe('what nft leaves out of its JSON', () => {
  it.each<[string, object, string]>([
    [
      'type filter hook ingress device "lo" priority 0',
      { chain: { ...at, name: 'a', type: 'filter', hook: 'ingress', prio: 0, policy: 'accept' } },
      'nft.json: nft -j does not tell the devices of chain inet t a, so that it sees no packet',
    ],
    [
      'set v { typeof vlan id; elements = { 5 } }',
      { set: { ...at, name: 'v', type: 'integer', elem: [5] } },
      'nft.json: nft -j does not tell of which field set inet t v is',
    ],
    [
      'add @f { ip saddr timeout 300ms }',
      {
        rule: {
          ...at,
          chain: 'c',
          expr: [
            {
              set: {
                op: 'add',
                elem: { elem: { val: { payload: { protocol: 'ip', field: 'saddr' } }, timeout: 0 } },
                set: '@f',
              },
            },
          ],
        },
      },
      'nft.json: nft -j tells a timeout of less than a second as 0 in chain t c',
    ],
  ])('%s', (_loaded, item, message) => {
    const chain = { chain: { ...at, name: 'c' } };
    const set = { set: { ...at, name: 'f', type: 'ipv4_addr', flags: ['timeout'], timeout: 300 } };
    expect(read(chain, set, item).said).toContain(`warning: ${message}`);
    expect(read(chain, set).said).toEqual([]);
  });

  it('is most of "dormant"', () => {
    const dormant = (flags: unknown): boolean | undefined => {
      const nftables = [{ table: { family: 'ip', name: 'd', ...(flags === null ? {} : { flags }) } }];
      return parseNftJson(JSON.stringify({ nftables }), 'x', new Diagnostics(), true).tables[0]?.dormant;
    };
    expect(['d', 'dormant', ['dormant'], 'o', null].map(dormant)).toEqual([true, true, true, false, false]);
  });
});
