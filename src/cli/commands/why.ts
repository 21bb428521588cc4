import { findTarget, isProblem } from '../../explain/why/address.js';
import { recordWalks } from '../../explain/walks/packetWalks.js';
import { looksLikePacket } from '../../explain/walks/packetWords.js';
import { type ReplayWith, why as explain } from '../../explain/why/why.js';
import { collectAll } from '../../explain/why/whyAll.js';
import { packetWalksJson, packetWalksText } from '../../report/packetWalk.js';
import { whyJson, whyText } from '../../report/why.js';
import { whyAllJson, whyAllText } from '../../report/whyAll.js';
import type { Ruleset } from '../../rules/model.js';
import { Status, Unusable } from '../io.js';
import type { WhyOptions } from '../options.js';
import type { Terminal } from '../terminal.js';
import { readAsked } from '../words.js';

/** `nfreplay why`: says why a rule fired or did not; or lists every rule, or follows packets through all of them. */
export async function why(args: readonly string[], options: WhyOptions, terminal: Terminal): Promise<number> {
  const { question, paths } = questionOf(args, options);
  const { given, replay } = await readAsked(paths, options, terminal);
  await terminal.print(await answer(question, given.ruleset, replay, options, terminal.width));
  for (const { text } of given.host.assumptions.mattered) terminal.note(`assumed: ${text}`);
  return Status.done;
}

type Question =
  | { readonly kind: 'all' }
  | { readonly kind: 'packets'; readonly frames: readonly number[] }
  | { readonly kind: 'rule'; readonly address: string };

/** What is asked, and of which packets: the first argument is the rule, unless an option or a packet takes its place. */
function questionOf(
  args: readonly string[],
  { all, packet }: WhyOptions,
): { question: Question; paths: readonly string[] } {
  if (all && packet !== undefined) throw new Unusable('--all and --packet ask for two things: give one');
  if (all) return { question: { kind: 'all' }, paths: args };
  if (packet !== undefined) return { question: { kind: 'packets', frames: [packet] }, paths: args };
  const [address = '', ...paths] = args;
  if (looksLikePacket(address))
    return { question: { kind: 'packets', frames: args.map((_, i) => i + 1) }, paths: args };
  return { question: { kind: 'rule', address }, paths };
}

async function answer(
  question: Question,
  ruleset: Ruleset,
  replay: ReplayWith,
  { format, try: mayTry, brief }: WhyOptions,
  width: number,
): Promise<string> {
  const isText = format === 'text';
  if (question.kind === 'all') {
    const collector = collectAll(ruleset);
    await replay(ruleset, collector);
    return (isText ? whyAllText : whyAllJson)(collector.rows());
  }
  if (question.kind === 'packets') {
    const recorder = recordWalks(question.frames);
    await replay(ruleset, recorder);
    return (isText ? packetWalksText : packetWalksJson)([...recorder.walks()]);
  }
  const target = findTarget(question.address, ruleset);
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
