import type { Row } from './measures.js';

export interface Page {
  readonly rows: readonly Row[];
  readonly machine: readonly string[];
  /** s that the same loop took before and after. */
  readonly paces: readonly number[];
  readonly runs: number;
  readonly scale: number;
}

/** Sampled with `perf record -e cpu-clock node --perf-basic-prof`, by hand. */
const COSTS = `## What a packet costs

A forwarded packet of a known connection is read, decoded, found in the table of connections, judged by its protocol, sent the way that
its flow went before (no rule and no route is asked again, their counters are added to), translated, and kept until its frame
comes. Of 5,000,000 packets through Docker's rules, sampled on a busy machine, the time went so:

| what                                                                | share |
| ------------------------------------------------------------------- | ----- |
| connections: look-up and what is kept of each, waiting for memory   | 22 %  |
| reading, copying and decoding frames, link layer, device, direction | 14 %  |
| packets that wait for their frame                                   | 8 %   |
| compiling and collecting garbage beside the main thread             | 8 %   |
| protocol: TCP state, window, checksums                              | 8 %   |
| translation                                                         | 5 %   |
| the way through the hooks, counters, what became of it              | 8 %   |
| the rest: each below 1 %, starting among it                         | 27 %  |

No part stands out any more; what is left is spread over some fifty functions. The largest is memory: 100,000 connections that take turns
have 30 MB of state, so each packet waits for several lines of it that no cache has; packets are looked up sixteen together, so that
they wait side by side. A million packets are also short: a tenth of the time goes into compiling the program, and with ten packets a
connection three of them (the first, and one each way) ask all rules.
`;

const HEAD: Row = { what: 'measure', result: 'result', wanted: 'wanted', other: 'compared with' };
const COLUMNS = ['what', 'result', 'wanted', 'other'] as const;

/** Aligned text, which is Markdown too. */
export function table(rows: readonly Row[]): string {
  const widths = COLUMNS.map((c) => Math.max(...[HEAD, ...rows].map((row) => row[c].length)));
  const line = (row: Row): string => `| ${COLUMNS.map((c, i) => row[c].padEnd(widths[i])).join(' | ')} |`;
  const rule = `| ${widths.map((w) => '-'.repeat(w)).join(' | ')} |`;
  return [line(HEAD), rule, ...rows.map(line)].join('\n');
}

/** docs/benchmarks.md. */
export function page({ rows, machine, paces, runs, scale }: Page): string {
  const pace = paces.map((p) => `${(p * 1000).toFixed(0)} ms`).join(' before, ');
  return `# Benchmarks

\`npm run bench\` makes its inputs, measures, asks this machine's own kernel, tcpdump and tshark the same, and with \`--write docs/benchmarks.md\`
writes this page. Nothing in the tests depends on time.

${machine.map((line) => `- ${line}`).join('\n')}
- a loop of 200,000,000 additions took ${pace} after: where that is more, so is everything else${scale === 1 ? '' : `\n- **a ${1 / scale}th of the packets (\`--quick\`): these figures say little**`}

Rates are of CPU time, all threads and garbage collection in it, the ${runs > 1 ? `one in the middle of ${runs} runs` : 'only run'}; what starting and reading the
rules take is told apart; two threads are held against one by the time that went by. The kernel is asked in network namespaces of its own, with the same rules and the packets that come in, through
veth; what sending them takes is measured with frames that it drops at once, and not counted. Where there is nothing to walk, the difference
of the two is small, and so is the trust that its rate deserves.

${table(rows)}

Packets are small (48 to 64 bytes), of 100,000 connections that take turns, 70 % TCP, 25 % UDP, 5 % ICMP. None of the linear rules matches, and every
packet comes to all of them. \`compare\` has a line for each packet, 10,000 a second; one line in 100,000 is lost, one in 50,000 changed.

${COSTS}`;
}
