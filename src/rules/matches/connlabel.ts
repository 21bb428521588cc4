import type { Packet } from '../../packet/packet.js';
import { requireOption } from '../arguments.js';
import type { Connection } from '../connection.js';
import type { Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition } from '../explaining.js';
import { parseUint } from '../integers.js';
import { bang } from '../negatable.js';
import type { OptionList } from '../options.js';
import { outcomeOf } from '../outcomes.js';
import { KERNEL_OUT_OF_RANGE } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct xt_connlabel_mtinfo` (linux/netfilter/xt_connlabel.h). */
export interface ConnlabelMatch {
  readonly label: string;
  /** null: a name, which only the host's connlabel.conf could tell. */
  readonly bit: number | null;
  readonly set: boolean;
  readonly negated: boolean;
}

/** XT_CONNLABEL_MAXBIT */
const LAST_BIT = 127;

function parse(options: OptionList): ConnlabelMatch {
  const word = requireOption(options, 'connlabel', '--label');
  const label = word?.text ?? '';
  const bit = parseUint(label, 0xffffffff);
  if (bit !== undefined && bit > LAST_BIT) options.error(KERNEL_OUT_OF_RANGE, word);
  // A host without rules has no connlabel.conf either.
  if (bit === undefined && options.names) options.error(`label '${label}' not found or invalid value`, word);
  return {
    label,
    bit: bit !== undefined && bit <= LAST_BIT ? bit : null,
    set: options.has('--set'),
    negated: options.find('--label')?.negated ?? false,
  };
}

function has({ labels }: Connection, bit: number): boolean {
  return labels !== null && ((labels[bit >>> 5] >>> (bit & 31)) & 1) === 1;
}

/** `connlabel_mt()` (net/netfilter/xt_connlabel.c): with --set a label that is missing is put there, and hits. */
function test({ bit, set, negated }: ConnlabelMatch, _: Packet, { connection }: Context): Outcome {
  if (bit === null) return Outcome.unknown;
  if (!connection) return outcomeOf(negated);
  if (!has(connection, bit)) {
    if (!set) return outcomeOf(negated);
    const [a, b, c, d] = connection.labels ?? [0, 0, 0, 0];
    const labels: NonNullable<Connection['labels']> = [a, b, c, d];
    labels[bit >>> 5] |= 1 << (bit & 31);
    connection.labels = labels;
  }
  return outcomeOf(!negated);
}

function explain(
  data: ConnlabelMatch,
  _: Packet,
  context: Context,
  __: undefined,
  outcome: Outcome,
): Condition[] {
  const { connection } = context;
  const saw =
    data.bit === null
      ? 'a name that the snapshot does not explain'
      : !connection
        ? 'no connection'
        : has(connection, data.bit)
          ? 'set'
          : 'not set';
  const each = condition('label', 'ct.label', data.negated, `label ${data.label}`, saw, true);
  return [{ ...each, outcome }];
}

export const connlabel: MatchDefinition<ConnlabelMatch, undefined> = {
  name: 'connlabel',
  versions: [4, 6],
  options: [
    { name: '--label', args: 1, negatable: true },
    { name: '--set', args: 0 },
  ],
  parse,
  print: (data) => `${bang(data.negated)}--label "${data.label}"${data.set ? ' --set' : ''}`,
  list: (data) => `connlabel ${bang(data.negated)}${data.label}${data.set ? ' set' : ''}`,
  reads: () => ['ct.label'],
  pure: false,
  common: false,
  tracks: true,
  start: () => undefined,
  test,
  explain,
};
