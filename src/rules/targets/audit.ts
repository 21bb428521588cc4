import type { TargetDefinition } from '../definition.js';
import type { OptionList } from '../options.js';
import { refusal } from '../refusal.js';
import { Verdict } from '../verdict.js';

const TYPES = ['accept', 'drop', 'reject'] as const;

export interface AuditTarget {
  readonly type: (typeof TYPES)[number];
}

function parse(options: OptionList): AuditTarget {
  const word = options.find('--type')?.args[0];
  if (!word) options.error(refusal.missing('AUDIT', '--type'));
  const type = TYPES.find((t) => t === word?.text.toLowerCase());
  if (word && !type) options.error(`Bad action type value "${word.text}"`, word);
  return { type: type ?? 'accept' };
}

/** net/netfilter/xt_AUDIT.c: a record in the audit log, nothing else; the type is only told. */
export const audit: TargetDefinition<AuditTarget, undefined> = {
  name: 'AUDIT',
  versions: [4, 6],
  options: [{ name: '--type', args: 1 }],
  parse,
  print: ({ type }) => `--type ${type}`,
  list: ({ type }) => `AUDIT ${type}`,
  writes: [],
  terminal: false,
  common: false,
  start: () => undefined,
  run({ type }, _, context) {
    context.note(`AUDIT ${type}`);
    return Verdict.continue;
  },
};
