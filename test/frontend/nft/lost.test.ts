import { describe, expect, it } from 'vitest';
import { parseNft } from '../../../src/frontend/nft/read/parse.js';
import { nftPrinter, printNft } from '../../../src/frontend/nft/print/print.js';
import { tablesOfNft } from '../../../src/rules/nft/eval/load.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { play } from '../../engine/helpers/nft.js';

const inChain = (rule: string): string =>
  `table inet t {\n\tchain c {\n\t\ttype filter hook prerouting priority filter; policy accept;\n\t\t${rule}\n\t}\n}\n`;

function read(rule: string, listed: boolean) {
  const diagnostics = new Diagnostics();
  const ruleset = parseNft(inChain(rule), 'rules', diagnostics, undefined, listed);
  return { ruleset, said: diagnostics.list.map((d) => `${d.severity}: ${d.message}`) };
}

/* What nft 1.0.6 lists of rules that the kernel took whole, on the left of each row in the comment behind it. */
describe('what nft leaves out of its listing', () => {
  it.each([
    'icmp type { echo-reply, echo-request } ip id != 30000-30000', // icmp id < 30000 ip id > 30000
    'ip id != 10-9', // ip length < 10 ip id > 9
    'meta mark != 0x0000000a-0x00000009', // meta length < 10 meta mark > 9
    'ip length 10-7', // ip id >= 10 ip length <= 7
  ])('%s was two comparisons', (rule) => {
    const { ruleset, said } = read(rule, true);
    expect(said).toEqual([
      'warning: nft lists two comparisons as this one, and not of which field the other is',
    ]);
    expect(printNft(ruleset)).toBe(inChain(rule));
    expect(read('ip id != 10-9', false).said).toEqual(['error: Range has zero or negative size']);
  });

  it.each(['ip id != 9-10', 'ip id 9-10', 'ip id 10-10', 'meta hour "22:00"-"06:00"'])(
    '%s may be whole',
    (rule) => {
      expect(read(rule, true).said).toEqual([]);
    },
  );

  it('leaves what passes the comparison that is listed undecided', async () => {
    const { ruleset } = read('ip id != 9-5 drop\n\t\tlog prefix "left: "', true);
    const packets = [4, 6].map((id) => `eth0: udp 203.0.113.5:1 > 198.51.100.2:9 ipid ${id}`);
    const { lines } = await play(tablesOfNft(ruleset, nftPrinter), packets);
    expect(lines.filter((l) => l.frame === 1).map((l) => l.doubt)).toEqual([null]);
    expect(lines.filter((l) => l.frame === 2).map((l) => l.doubt)).toEqual([
      'ip id != 9-5 drop: not known whether it matches',
    ]);
  });

  // All three are listed alike: tcp option maxseg missing, meta l4proto tcp tcp option …, meta l4proto udp tcp option ….
  it.each([
    ['tcp option maxseg missing', true, [true, false]],
    ['tcp option maxseg missing', false, [false, false]],
    ['tcp option maxseg missing udp dport 9', true, [true, false]],
  ])(
    'doubts what is not TCP where an option is to be missing: %s, listed: %s',
    async (rule, listed, doubts) => {
      const tables = tablesOfNft(read(`${rule} log prefix "none: "`, listed).ruleset, nftPrinter);
      const packets = [
        'eth0: udp 203.0.113.5:1 > 198.51.100.2:9',
        'eth0: tcp 203.0.113.5:1 > 198.51.100.2:9 A',
      ];
      const { lines } = await play([...tables], packets);
      expect(lines.filter((l) => l.frame === 1).map((l) => l.doubt !== null)).toEqual(doubts.slice(0, 1));
      expect(lines.filter((l) => l.frame === 2).every((l) => l.doubt === null)).toBe(true);
    },
  );
});
