import { framesAtHand } from '../../../src/capture/atHand.js';
import type { Frame, FrameSource } from '../../../src/capture/frame.js';
import type { PredictedLine } from '../../../src/engine/events.js';
import type { Observer } from '../../../src/engine/observer.js';
import { nftTraceWriter } from '../../../src/engine/nftTrace.js';
import { Replay } from '../../../src/engine/replay.js';
import { conntrackText, nftText } from '../../../src/engine/state.js';
import { parseNft } from '../../../src/frontend/nft/read/parse.js';
import { modelValues, printRule } from '../../../src/frontend/nft/print/print.js';
import { printStatement } from '../../../src/frontend/nft/print/printStatement.js';
import { assumeHost } from '../../../src/host/assume.js';
import { LinkType } from '../../../src/packet/linkType.js';
import type { Table } from '../../../src/rules/model.js';
import { tablesOfNft } from '../../../src/rules/nft/eval/load.js';
import { HostClock } from '../../../src/rules/jiffies.js';
import { setView } from '../../../src/rules/sets/view.js';
import { Diagnostics } from '../../../src/source/diagnostic.js';
import { packetOf } from './words.js';

/** The tables of an nft text; what the reader complains about fails the test. */
export function tablesOf(text: string): Table[] {
  const diagnostics = new Diagnostics();
  const ruleset = parseNft(text, 'test.nft', diagnostics);
  const errors = diagnostics.list.filter((d) => d.severity === 'error');
  if (errors.length > 0) throw new Error(errors.map((d) => d.message).join('\n'));
  const printer = {
    rule: printRule,
    statement: (...[statement, family]: [Parameters<typeof printStatement>[0], Table['family']]) =>
      printStatement(statement, family, modelValues),
  };
  return tablesOfNft(ruleset, printer);
}

/** One packet of a test: when, where, and what, `eth0: tcp A:1 > B:2 S` in the words of `packetOf`. */
export interface Step {
  /** Seconds since the start. */
  readonly at: number;
  readonly words: string;
}

export interface Played {
  /** The prefixes that each packet left in the log, without ": ". */
  readonly logged: string[];
  readonly lines: readonly PredictedLine[];
  readonly rules: string;
  readonly conntrack: string;
  /** What left the host, `eth1 10.0.0.1 > 10.0.0.2`, by the number of the packet that caused it. */
  readonly sent: readonly string[];
  /** What `nft monitor trace` would show. */
  readonly trace: string;
}

/** Cooked (LINKTYPE_LINUX_SLL): for this host, Ethernet, from 02:00:00:00:09:09, IPv4. */
const COOKED = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 9, 9, 0, 0, 8, 0];

function framesOf(steps: readonly Step[], isCooked: boolean): Frame[] {
  return steps.map(({ at, words }, i) => {
    const [name, packet] = words.split(/: (.*)/);
    const bytes = Uint8Array.from([...(isCooked ? COOKED : []), ...packetOf(packet)]);
    return {
      number: i + 1,
      time: at * 1e9,
      linkType: isCooked ? LinkType.linuxSll : LinkType.raw,
      bytes,
      originalLength: bytes.length,
      interface: name,
      direction: '',
      comment: '',
      file: 0,
    };
  });
}

function sourceOf(frames: readonly Frame[]): FrameSource {
  return framesAtHand(frames, 1_700_000_000_000_000_000n);
}

/**
 * Plays packets to a router with 198.51.100.2/24 on eth0 (default route) and 192.168.1.1/24 on eth1, with the rules in
 * force; TCP ports 80 and 5000 are open. What comes in on lo was sent by the host itself.
 * @param isUnseen nobody looks at what is sent, and frames have a link header that tells their direction: then packets of
 *   IPv4 may go the short way
 */
export async function play(
  rules: string | readonly Table[],
  steps: readonly (string | Step)[],
  observer?: Observer,
  isUnseen = false,
): Promise<Played> {
  const host = assumeHost(
    {
      addresses: [
        '198.51.100.2/24@eth0',
        '192.168.1.1/24@eth1',
        '2001:db8:1::1/64@eth0',
        '2001:db8:2::1/64@eth1',
      ],
      routes: ['default via 198.51.100.1'],
      sockets: ['tcp:80', 'tcp:5000'],
    },
    new Diagnostics(),
  );
  const tables = typeof rules === 'string' ? tablesOf(rules) : [...rules];
  const lines: PredictedLine[] = [];
  const sent: string[] = [];
  const traceText = nftTraceWriter();
  let trace = '';
  const given = steps.map((step, i) => (typeof step === 'string' ? { at: i * 0.01, words: step } : step));
  const clock = new HostClock(0n, null);
  const replay = new Replay(
    {
      ruleset: { tables },
      host,
      sets: setView(new Map(), clock),
      clock,
      observer,
      sinks: {
        line: (line) => lines.push(line),
        traced: (step) => void (trace += traceText(step)),
        ...(!isUnseen && {
          sent: ({ packet }) =>
            void sent.push(
              `${packet.out?.name} ${packet.sourcePort} > ${packet.destinationPort} #${packet.frame}`,
            ),
        }),
      },
    },
    sourceOf(framesOf(given, isUnseen)),
  );
  await replay.run();
  const logged = given.map((_, i) =>
    lines
      .filter((line) => line.frame === i + 1)
      .map((line) => line.text.split(/:? IN=/)[0])
      .join(' '),
  );
  return {
    logged,
    lines,
    rules: nftText(replay.kernel.program, replay.lastTime),
    conntrack: conntrackText(replay.kernel.tracker, replay.lastTime),
    sent,
    trace,
  };
}
