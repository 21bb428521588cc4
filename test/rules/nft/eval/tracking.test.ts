import { expect, it } from 'vitest';
import { parseNft } from '../../../../src/frontend/nft/read/parse.js';
import { needsTracking } from '../../../../src/rules/nft/eval/tracking.js';
import { Diagnostics } from '../../../../src/source/diagnostic.js';

// Recorded on Linux 6.18: fragments of IPv6 were not put together beside `dnat ip to`.
it.each([
  ['tcp dport 80 dnat ip to 10.0.0.1', [true, false]],
  ['tcp dport 80 dnat ip6 to fd00::1', [false, true]],
  ['tcp dport 80 redirect', [true, true]],
  ['ct state new accept', [true, true]],
  ['tcp dport 80 accept', [false, false]],
])('%s in a table of inet tracks connections of IPv4 and of IPv6: %j', (rule, expected) => {
  const text = `table inet t {\n chain c { type nat hook prerouting priority dstnat\n ${rule}\n }\n}\n`;
  const [table] = parseNft(text, 'rules', new Diagnostics()).tables;
  const statements = table.chains.get('c')?.rules[0].statements ?? [];
  const tracked = (['ip', 'ip6'] as const).map((family) => statements.some((s) => needsTracking(s, family)));
  expect(tracked).toEqual(expected);
});
