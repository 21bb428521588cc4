import type { IpNetwork } from '../../address/ip.js';
import type { MatchDefinition } from '../definition.js';
import { undecided } from '../explaining.js';
import { badHostMask, listHostMask, parseHostMask, printHostMask } from '../hostMask.js';
import { bang, type Negatable } from '../negatable.js';
import type { GivenOption, OptionList } from '../options.js';
import { badPortRange, parsePortRange } from '../ports.js';
import { parseProtocol } from '../protocols.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct xt_ipvs_mtinfo` (linux/netfilter/xt_ipvs.h). */
export interface IpvsMatch {
  /** `--ipvs` alone; the other tests imply it. */
  readonly ipvs: Negatable<true> | null;
  readonly protocol: Negatable<number> | null;
  readonly address: Negatable<IpNetwork> | null;
  readonly port: Negatable<number> | null;
  readonly direction: 'ORIGINAL' | 'REPLY' | null;
  readonly method: Negatable<string> | null;
  readonly controlPort: Negatable<number> | null;
}

const METHODS = ['GATE', 'IPIP', 'MASQ'];
const WHY = "the host's virtual services, which the snapshot does not hold";

function parse(options: OptionList): IpvsMatch {
  function take<T>(
    name: string,
    read: (text: string, given: GivenOption) => T | string,
  ): Negatable<T> | null {
    const given = options.find(name);
    if (!given) return null;
    const value = read(given.args[0].text, given);
    if (typeof value !== 'string') return { value, negated: given.negated };
    options.error(value, given.args[0]);
    return null;
  }
  const port = (name: string): Negatable<number> | null =>
    take(name, (text, { args }) => parsePortRange(args[0])?.min ?? badPortRange(text, 'ipvs', name));
  const method = options.find('--vmethod');
  const methodName = method?.args[0].text.toUpperCase();
  if (methodName !== undefined && !METHODS.includes(methodName))
    options.error(refusal.badValue('ipvs', '--vmethod', method!.args[0].text), method!.args[0]);
  const direction = options.find('--vdir')?.args[0];
  const directionName = direction?.text.toUpperCase();
  if (direction && directionName !== 'ORIGINAL' && directionName !== 'REPLY')
    options.error(refusal.badValue('ipvs', '--vdir', direction.text), direction);
  const alone = options.find('--ipvs');
  const others = options.given.some(({ name }) => name !== '--ipvs');
  if (options.given.length === 0) options.error('IPVS: At least one option is required');
  if (alone?.negated && others) options.error('! --ipvs cannot be together with other options', alone);
  return {
    ipvs: alone && !others ? { value: true, negated: alone.negated } : null,
    protocol: take('--vproto', (text) => parseProtocol(text) ?? refusal.badValue('ipvs', '--vproto', text)),
    address: take(
      '--vaddr',
      (text) => parseHostMask(text, options.version) ?? badHostMask(text, 'ipvs', '--vaddr', options.version),
    ),
    port: port('--vport'),
    direction: directionName === 'REPLY' ? 'REPLY' : direction ? 'ORIGINAL' : null,
    method: method ? { value: methodName!, negated: method.negated } : null,
    controlPort: port('--vportctl'),
  };
}

function words(data: IpvsMatch, dashes: '--' | '', address: (network: IpNetwork) => string): string {
  const part = <T>(name: string, given: Negatable<T> | null, format: (value: T) => string): string[] =>
    given ? [`${bang(given.negated)}${dashes}${name} ${format(given.value)}`] : [];
  return [
    ...(data.ipvs ? [`${bang(data.ipvs.negated)}${dashes}ipvs`] : []),
    ...part('vproto', data.protocol, String),
    ...part('vaddr', data.address, address),
    ...part('vport', data.port, String),
    ...(data.direction ? [`${dashes}vdir ${data.direction}`] : []),
    ...part('vmethod', data.method, String),
    ...part('vportctl', data.controlPort, String),
  ].join(' ');
}

export const ipvs: MatchDefinition<IpvsMatch, undefined> = {
  name: 'ipvs',
  versions: [4, 6],
  options: [
    { name: '--ipvs', args: 0, negatable: true },
    ...['--vproto', '--vaddr', '--vport'].map((name) => ({ name, args: 1, negatable: true }) as const),
    { name: '--vdir', args: 1 },
    { name: '--vmethod', args: 1, negatable: true },
    { name: '--vportctl', args: 1, negatable: true },
  ],
  parse,
  print: (data) => words(data, '--', printHostMask),
  list: (data, numeric) => words(data, '', numeric ? printHostMask : listHostMask),
  reads: () => ['random'],
  pure: true,
  common: false,
  start: () => undefined,
  test: () => Outcome.unknown,
  explain: (data) => [undecided('ipvs', 'random', false, words(data, '', printHostMask), WHY)],
};
