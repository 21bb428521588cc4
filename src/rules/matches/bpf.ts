import { decodeProgram, printProgram, runProgram, type Instruction } from '../classicBpf.js';
import type { Packet } from '../../packet/packet.js';
import { oneOf } from '../arguments.js';
import type { Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import type { OptionList } from '../options.js';
import { refusal } from '../refusal.js';
import { outcomeOf } from '../outcomes.js';
import { Outcome } from '../verdict.js';

/** `struct xt_bpf_info_v1` (linux/netfilter/xt_bpf.h). */
export interface BpfMatch {
  /** null: a program pinned in the kernel, which the snapshot does not hold. */
  readonly program: readonly Instruction[] | null;
  readonly pinned: string | null;
}

function parse(options: OptionList): BpfMatch {
  const given = oneOf(options, 'bpf', ['--bytecode', '--object-pinned']);
  if (!given) options.error('bpf: You must specify one of --bytecode and --object-pinned');
  const word = given?.args[0];
  if (!word || given.name === '--object-pinned') return { program: null, pinned: word?.text ?? '' };
  const program = decodeProgram(word.text);
  if (typeof program === 'string') options.error(`bpf: ${program}`, word);
  return { program: typeof program === 'string' ? [] : program, pinned: null };
}

/** `bpf_mt()` (net/netfilter/xt_bpf.c): the program sees the packet from the network header on; not 0 is a hit. */
function test({ program }: BpfMatch, packet: Packet): Outcome {
  if (!program) return Outcome.unknown;
  const result = runProgram(program, packet);
  return result === null ? Outcome.unknown : outcomeOf(result !== 0);
}

function explain(data: BpfMatch, packet: Packet, _: Context, __: undefined, outcome: Outcome): Condition[] {
  const result = data.program && runProgram(data.program, packet);
  const saw = result === null ? 'nothing that can be told' : String(result);
  return [{ name: 'bpf', field: 'payload', wanted: 'a program that returns other than 0', saw, outcome }];
}

export const bpf: MatchDefinition<BpfMatch, undefined> = {
  name: 'bpf',
  versions: [4, 6],
  options: [
    { name: '--bytecode', args: 1 },
    { name: '--object-pinned', args: 1 },
  ],
  parse: (options) => {
    const data = parse(options);
    if (data.program?.length === 0 && !options.has('--bytecode'))
      options.error(refusal.missing('bpf', '--bytecode'));
    return data;
  },
  print: (data) =>
    data.program
      ? `--bytecode "${data.program.length},${printProgram(data.program)}"`
      : `--object-pinned ${data.pinned}`,
  listedTight: true,
  // libxt_bpf ends the program with a byte of 0.
  list: (data) =>
    data.program ? `match bpf ${printProgram(data.program)}\0` : `match bpf pinned ${data.pinned}`,
  reads: () => ['payload'],
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
