import type { Row } from './measures.js';

export interface Page {
  readonly rows: readonly Row[];
  readonly machine: readonly string[];
  /** s that the same loop took before and after. */
  readonly paces: readonly number[];
  readonly runs: number;
  readonly scale: number;
}

/** Measured and sampled by hand, with the captures of the benchmark and shorter ones of its kinds. */
const COSTS = `## What a packet costs

A packet of a flow whose packets all go the same way is run without an object made for it: a plain frame is copied by words and
summed on the way, found in the table of connections, judged by its protocol in its row, counted along the way that its flow went before
(no rule and no route is asked again; their counters are added to when somebody asks for them), and what it was translated to is kept until
its frame comes. The first packets of an established connection do so as well where no rule that they come to asks who talks to whom: all of
their kind go the same way. Where nothing is tracked, a flow is what has the same addresses and ports, and the flows seen last are kept in a
table of 8 MB. All others go through the whole machinery, which comes to the same; src/engine/steady/ says when which.

Packets go the long way under rules that look at what differs between the packets of a flow, or do something (\`limit\`, \`LOG\`, marks), under
rules before conntrack (the raw table), through a bridge that shows its packets to iptables, and with \`--out\` and \`compare\`; IPv6, IP
options and fragments do so too.

Through Docker's rules, from captures of 1,000 to 5,000,000 packets and of 100 to 400,000 connections:

| what                                                                | CPU    |
| ------------------------------------------------------------------- | ------ |
| a packet of a known connection                                      | 0.6 µs |
| a new connection: its first packet                                  | 9 µs   |
| compiling the program while it runs (V8, in threads of its own too) | 600 ms |
| starting and reading the rules, not counted in the rates            | 250 ms |

Of what a packet of a known connection costs most is memory: 100,000 connections that take turns have 20 MB of rows, so each packet waits
for two or three lines that no cache has; packets are looked up sixteen together, so that they wait side by side.

## What is out of reach, and why

All rates are of 1,000,000 packets of 100,000 connections, of which each has ten. With no rules, with linear rules, iptables or nft, what
was asked for is reached. Where connections are tracked, it is not:

| rules             | asked for | packets that ask the rules, of 1,000,000                            |
| ----------------- | --------- | ------------------------------------------------------------------- |
| Docker            | 800,000/s | 116,000: the first of each connection                               |
| Kubernetes        | 500,000/s | 102,000: the first of each connection (half of the frames leave)    |
| nft: maps, NAT    | 800,000/s | 306,000: sets and maps are asked for addresses before \`ct state\` is |
| ipsets of 100,000 | 600,000/s | 306,000: the sets are asked first, and one in each direction is new |

800,000 packets a second are 1.25 s. Through Docker's rules, 883,000 packets of known connections take 0.55 s of that and compiling takes
0.6 s, so that 0.1 s is left for 100,000 new connections: 1 µs each, where they take 9 and the kernel takes 2.7 for any packet of this
capture. Over 10,000,000 packets both are spread over ten times as many, and the rate is above what was asked for (see the table). Little of
the 0.6 s can be saved: with V8's optimising compiler switched off a replay that takes 4.7 s takes 31, its turn earlier or later makes no
difference that could be measured, and four times the room for young objects gained less than a tenth and took 80 MB.

What a new connection costs has no single cause. Sampled with \`node --cpu-prof\`, 400,000 connections of one packet each through Docker's
rules:

| what                                                                               | share |
| ---------------------------------------------------------------------------------- | ----- |
| conntrack: four look-ups of tuples that no cache has, two slots and a row, growing | 23 %  |
| rules: walking 32 rules and six chains, what their tests ask (\`addrtype\`)          | 21 %  |
| garbage: entries that live are copied twice before they are old                    | 14 %  |
| NAT: a tuple that nobody has, the mappings of the source                           | 12 %  |
| reading the packet: link header, device and direction, checksums                   | 7 %   |
| starting                                                                           | 6 %   |
| the way through the hooks                                                          | 6 %   |
| the short way, until it is known not to be right                                   | 5 %   |
| frames that are waited for                                                         | 3 %   |
| routes, the capture's file, noting the way                                         | 3 %   |

No function of it has more than 6 % (\`walk\`), so polish gains little: without the whole walk, were there a memory of decisions by the fields
that rules have read, Docker's rate would be 470,000 instead of 430,000 a second. For Kubernetes a third of the time is rules: a service of 5,000
is hardly ever asked twice in a row, so its chains are memory that no cache has; and where a rule draws a random number, the evidence of
what left is followed through both of its branches (14 %). With nft's maps and ipsets the rules are asked for each connection three times,
as the answers' addresses are others and come to the sets before their state is asked; a rule for established connections in front of them
would spare it, as it does in the kernel.
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

## What a search for causes takes

A hypothesis that is tried replays 1,500 frames of the flows that differ and of a few others: 25 ms of CPU. Of 100,000 packets through
Docker's rules with up to 16,000 differences, 226 hypotheses took 9.6 s and 480 took 14 s, with choosing the flows (1 s) and trying the best six on
the whole capture (1 to 3 s), on a busy machine. Where the flows alone do not come to the same differences, as with limits, all packets are
replayed for each hypothesis, and the search ends after 2,000,000.

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
