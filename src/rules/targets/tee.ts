import { type IpAddress, parseAddress } from '../../address/ip.js';
import type { TargetDefinition } from '../definition.js';
import type { OptionList } from '../options.js';
import { KERNEL_REFUSES, refusal } from '../refusal.js';
import { Verdict } from '../verdict.js';
import { cutToBytes, words } from './reading.js';

export interface TeeTarget {
  readonly gateway: IpAddress | null;
  readonly device: string;
}

const NAME_BYTES = 15;

function parse(options: OptionList): TeeTarget {
  const word = options.find('--gateway')?.args[0];
  if (!word) options.error(refusal.missing('TEE', '--gateway'));
  const address = word && parseAddress(word.text);
  const gateway = address?.version === options.version ? address : null;
  if (word && !gateway) options.error(`"${word.text}" is no IPv${options.version} address`, word);
  // tee_tg_check(): 0.0.0.0 and :: are nobody.
  if (gateway && (gateway.a | gateway.b | gateway.c | gateway.d) === 0) options.error(KERNEL_REFUSES, word);
  return { gateway, device: cutToBytes(options.text('--oif') ?? '', NAME_BYTES) };
}

/** net/netfilter/xt_TEE.c. */
export const tee: TargetDefinition<TeeTarget, undefined> = {
  name: 'TEE',
  versions: [4, 6],
  options: [
    { name: '--gateway', args: 1 },
    { name: '--oif', args: 1 },
  ],
  parse,
  print: ({ gateway, device }) =>
    words(`--gateway ${gateway?.toString() ?? ''}`, device !== '' && `--oif ${device}`),
  list: ({ gateway, device }) =>
    words(`TEE gw:${gateway?.toString() ?? ''}`, device !== '' && `oif=${device}`),
  writes: [],
  terminal: false,
  common: true,
  start: () => undefined,
  run({ gateway, device }, packet, context) {
    if (gateway) context.duplicate?.(packet, gateway, device);
    context.note(`TEE to ${gateway?.toString() ?? 'nobody'}${device && ` through ${device}`}`);
    return Verdict.continue;
  },
};
