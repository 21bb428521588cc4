import { statSync } from 'node:fs';
import { compareFaring, type Faring } from '../../explain/diff/faring.js';
import { diffRulesets } from '../../explain/diff/rulesetDiff.js';
import { diffSets } from '../../explain/diff/setDiff.js';
import { type Given, loadGiven } from '../../given.js';
import { rulesDiffJson, rulesDiffText } from '../../report/rulesDiff.js';
import { replayAgain } from '../../run.js';
import { Diagnostics } from '../../source/diagnostic.js';
import { readCaptures } from '../inputs.js';
import { Status, Unusable } from '../io.js';
import type { RulesOptions } from '../options.js';
import type { Terminal } from '../terminal.js';

/** `nfreplay rules A --diff B`: what differs by meaning, and which packets of a capture fare differently. */
export async function rulesDiff(
  files: readonly string[],
  others: readonly string[],
  options: RulesOptions,
  terminal: Terminal,
): Promise<number> {
  if (options.format !== 'text' && options.format !== 'json')
    throw new Unusable(`--diff has no ${options.format}`, 'It is printed as text or json.');
  const [first, second] = [readRules(files, terminal), readRules(others, terminal)];
  const diff = {
    ...diffRulesets(first.ruleset, second.ruleset),
    sets: diffSets(first, second),
    faring: options.replay ? await faringOf(first, second, files, others, options, terminal) : null,
  };
  await terminal.print((options.format === 'json' ? rulesDiffJson : rulesDiffText)(diff));
  return Status.done;
}

function isSnapshot(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
}

function readRules(files: readonly string[], terminal: Terminal): Given {
  const diagnostics = new Diagnostics();
  const hosts = files.filter(isSnapshot);
  if (hosts.length > 1) throw new Unusable('more than one host snapshot is given on one side');
  const rulesFiles = files.filter((file) => file !== hosts[0]);
  const given = loadGiven({ hostDir: hosts[0], rulesFiles }, diagnostics);
  terminal.tell(diagnostics);
  if (given.unusable.length > 0) throw new Unusable('');
  return given;
}

/** The host is that of the snapshot; sets that the second side does not have are those of the first. */
async function faringOf(
  first: Given,
  second: Given,
  files: readonly string[],
  others: readonly string[],
  options: RulesOptions,
  terminal: Terminal,
): Promise<Faring> {
  const host = files.some(isSnapshot) ? first.host : others.some(isSnapshot) ? second.host : null;
  if (!host)
    throw new Unusable(
      'the packets need a host: its interfaces, addresses and routes',
      'Give a host snapshot on one side, and what takes the place of its rules on the other.',
    );
  const captures = await readCaptures(options.replay ?? [], options, terminal);
  await captures.source.close();
  const sets = second.sets.size > 0 ? second.sets : first.sets;
  return compareFaring(
    first.ruleset,
    second.ruleset,
    replayAgain(captures.again, { ...first, host }),
    replayAgain(captures.again, { ...second, host, sets }),
  );
}
