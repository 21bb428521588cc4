import { findTarget, isProblem } from '../../explain/address.js';
import { recordWalk } from '../../explain/packetWalk.js';
import { type ReplayWith, why as explain } from '../../explain/why.js';
import { collectAll } from '../../explain/whyAll.js';
import { packetWalkJson, packetWalkText } from '../../report/packetWalk.js';
import { whyJson, whyText } from '../../report/why.js';
import { whyAllJson, whyAllText } from '../../report/whyAll.js';
import type { Ruleset } from '../../rules/model.js';
import { replayAgain } from '../../run.js';
import { readInputs } from '../inputs.js';
import { Status, Unusable } from '../io.js';
import type { WhyOptions } from '../options.js';
import type { Terminal } from '../terminal.js';

/** `nfreplay why`: says why a rule fired or did not; `all` lists every rule, `packet:N` the way of one packet. */
export async function why(
  [address, ...paths]: readonly string[],
  options: WhyOptions,
  terminal: Terminal,
): Promise<number> {
  if (paths.includes('-'))
    throw new Unusable(
      'why reads the capture several times, which standard input does not allow',
      'Save it to a file.',
    );
  const { given, captures } = await readInputs(paths, options, terminal);
  await captures.source.close();
  const replay: ReplayWith = replayAgain(captures.again, given, options.seed);
  await terminal.print(await answer(address, given.ruleset, replay, options, terminal.width));
  for (const { text } of given.host.assumptions.mattered) terminal.note(`assumed: ${text}`);
  return Status.done;
}

async function answer(
  address: string,
  ruleset: Ruleset,
  replay: ReplayWith,
  { format, try: mayTry, brief }: WhyOptions,
  width: number,
): Promise<string> {
  const isText = format === 'text';
  if (address === 'all') {
    const collector = collectAll(ruleset);
    await replay(ruleset, collector);
    return (isText ? whyAllText : whyAllJson)(collector.rows());
  }
  const packet = /^packet:(\d{1,15})$/.exec(address);
  if (packet) {
    const recorder = recordWalk(Number(packet[1]));
    await replay(ruleset, recorder);
    return (isText ? packetWalkText : packetWalkJson)(recorder.walk());
  }
  const target = findTarget(address, ruleset);
  if (isProblem(target)) throw new Unusable(target.message, target.suggestions);
  const limits = mayTry ? undefined : { tries: 0, wanted: 0 };
  const result = await explain({ ruleset, target, replay, limits });
  if (!isText) return whyJson(result);
  return brief ? folded(whyText(result).split('\n\n').slice(0, 2).join('\n\n'), width) : whyText(result);
}

/** Prose in lines of a width, cut at blanks. */
function folded(text: string, width: number): string {
  const lines = text.split('\n').flatMap((line) => {
    const parts: string[] = [];
    let part = '';
    for (const word of line.split(' ')) {
      if (part !== '' && part.length + 1 + word.length > width) {
        parts.push(part);
        part = `  ${word}`;
      } else part = part === '' ? word : `${part} ${word}`;
    }
    return [...parts, part];
  });
  return `${lines.join('\n').trimEnd()}\n`;
}
