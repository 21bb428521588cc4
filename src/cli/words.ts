import { preparationOf } from '../explain/walks/packetTold.js';
import {
  looksLikePacket,
  readPacketWords,
  type WordedPacket,
  wordedSource,
} from '../explain/walks/packetWords.js';
import type { ReplayWith } from '../explain/why/why.js';
import type { Given } from '../given.js';
import { replayAgain } from '../run.js';
import { readGiven, readInputs } from './inputs.js';
import { Unusable } from './io.js';
import type { WhyOptions } from './options.js';
import type { Terminal } from './terminal.js';

/** The packets that are asked about, and the host that they meet. */
export interface Asked {
  readonly given: Given;
  readonly replay: ReplayWith;
}

/** Reads the host and what comes to it: captures, or packets in words, one after the other. */
export async function readAsked(
  args: readonly string[],
  options: WhyOptions,
  terminal: Terminal,
): Promise<Asked> {
  if (args.some(looksLikePacket)) return readWorded(args, options, terminal);
  if (args.length === 0)
    throw new Unusable('neither a capture nor a packet is given', [
      'Name captures, before --rules, which takes all that follows;',
      "or say the packet: 'tcp 203.0.113.5:4000 > 198.51.100.2:80 in eth0'",
    ]);
  if (args.includes('-'))
    throw new Unusable(
      'why reads the capture several times, which standard input does not allow',
      'Save it to a file.',
    );
  const { given, captures } = await readInputs(args, options, terminal);
  await captures.source.close();
  return { given, replay: replayAgain(captures.again, given, options.seed) };
}

function readWorded(args: readonly string[], options: WhyOptions, terminal: Terminal): Asked {
  const packets = args.map((text) => {
    const worded = looksLikePacket(text)
      ? readPacketWords(text)
      : { message: `${text} is no packet in words; captures and packets in words do not go together` };
    if ('message' in worded) throw new Unusable(worded.message);
    return worded;
  });
  const given = readGiven(options, terminal);
  if (!given) throw new Unusable('');
  if (options.host !== undefined) for (const packet of packets) checkInterface(packet, given);
  const replay = replayAgain(() => wordedSource(packets), given, options.seed, preparationOf(packets));
  return { given, replay };
}

/** A slip of the pen would be taken for an interface that the snapshot lacks. */
function checkInterface({ in: incoming, out }: WordedPacket, { host }: Given): void {
  const name = incoming ?? out ?? '';
  if (!host.deviceByName(name))
    throw new Unusable(
      `the host has no interface ${name}`,
      `It has ${host.devices.map((device) => device.name).join(', ')}.`,
    );
}
