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

A packet of a connection whose packets all go the same way is run without an object made for it: a plain frame is copied by words and
summed on the way, found in the table of connections, judged by its protocol in its row, counted along the way that its flow went before
(no rule and no route is asked again; their counters are added to when somebody asks for them), and what it was translated to is kept until
its frame comes. All others go through the whole machinery, which comes to the same; src/engine/steady/ says when which. Of 5,000,000
packets through Docker's rules, sampled on a busy machine (9.5 s, where it was 17 s before there was the short way), the time went so:

| what                                                                           | share |
| ------------------------------------------------------------------------------ | ----- |
| steady: reading, copying and summing frames, by which device they came         | 15 %  |
| steady: connections, waiting for memory                                        | 12 %  |
| steady: packets that wait for their frame                                      | 7 %   |
| steady: the ring of frames between the one that is read and the packet at hand | 6 %   |
| steady: TCP window, timeouts                                                   | 5 %   |
| steady: counting, what became of it                                            | 3 %   |
| the first three packets of each connection, starting, compiling, garbage       | 52 %  |

So a packet of a known connection costs 0.9 µs there, and half of the time goes to the 300,000 packets that open connections: the first, and
one each way, which ask all rules. Short captures are mostly that, and compiling the program. Of what a steady packet costs most is memory:
100,000 connections that take turns have 20 MB of rows, so each packet waits for two or three lines that no cache has; packets are
looked up sixteen together, so that they wait side by side.

Packets go the long way under rules that look at what differs between the packets of a flow, or do something (\`limit\`, \`LOG\`, marks), under
rules before conntrack (the raw table), through a bridge that shows its packets to iptables, and with \`--out\` and \`compare\`; IPv6, IP
options and fragments do so too. Where nothing is tracked, a flow is what has the same addresses and ports, and the flows seen last are kept
in a table of 8 MB.
`;

const HEAD: Row = { what: 'measure', result: 'result', wanted: 'wanted', other: 'compared with' };
/** Sampled with `node --cpu-prof`, by hand. */
const LINES = `## What a line costs

\`compare\` keeps both sides on tapes (a file in the directory for temporary files behind the first 4 MB), and goes through each twice: for the clock, and to
pair the lines. A predicted line is written as bytes and stays so; of the lines that wait for each other only the places are held, a line is read
when somebody asks for it, and where both sides go on alike after a difference nothing else is looked at. Of 1,000,000 packets and lines, 8.9 s on a
busy machine where it had been 11.1 s, the time went so:

| what                                                     | share |
| -------------------------------------------------------- | ----- |
| running the packets the long way, since a rule logs them | 35 %  |
| writing the text of predicted lines                      | 13 %  |
| keeping them                                             | 5 %   |
| reading the log, keeping its lines                       | 9 %   |
| telling the clock                                        | 5 %   |
| pairing: going through both tapes                        | 17 %  |
| pairing: what stands around the 28 differences           | 7 %   |
| garbage                                                  | 9 %   |

So the simulation takes half, and its packets go the long way: were all else free, it would be 200,000 packets a second, not 300,000. With
\`--out\` a packet takes eight times as long: it has a row of packets.csv, of logs.csv and of the page, a comment in the capture, and every rule is
walked, since the comment names those that it hit. There the time goes to running the packets (40 %), garbage (22 %), the page (17 %), CSV (13 %) and
decoding frames for their rows (8 %).

## What two threads cost

Each thread reads the capture, decodes the link header of each frame, sees by its addresses whose it is, and runs its own. Of 5,000,000 packets
through Docker's rules (5.7 s of CPU with one thread, 10.5 with two) a thread's time went so:

| what                                                     | share |
| -------------------------------------------------------- | ----- |
| its own packets of known connections                     | 25 %  |
| its own packets that open connections, and decoding them | 25 %  |
| reading the file, taking frames from it                  | 18 %  |
| starting, compiling, reading the rules                   | 14 %  |
| whose a frame is                                         | 12 %  |
| garbage                                                  | 5 %   |

Only the first half is less than with one thread. So two threads take 0.8 to 0.9 of the time of one, and of a capture without an end 0.7: of the
1 µs that a packet of a known connection takes, 0.2 are reading and 0.13 asking whose it is, which each thread does for all. 1.7 times as many
packets cannot be had so, while one thread takes so little for each.

## What starting takes

A bare Node.js took 60 ms of CPU when \`nfreplay --version\` took 65, and a small \`compare\` 230: it reads 1.1 MB of program in eight files, from which
comments and white space are gone, and packages are in them. Node.js 20 keeps nothing compiled from one run to the next.
`;

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

${COSTS}
${LINES}`;
}
