import type { IpNetwork } from '../../address/ip.js';
import { parseNetwork } from '../../address/ip.js';
import { requireOption } from '../arguments.js';
import type { MatchDefinition } from '../definition.js';
import { parseUint } from '../integers.js';
import { bang, type Negatable } from '../negatable.js';
import type { GivenOption, OptionList } from '../options.js';
import { parseProtocol, protocolName } from '../protocols.js';
import { hex } from '../integers.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct xt_policy_info` (linux/netfilter/xt_policy.h). */
export interface PolicyMatch {
  readonly direction: string;
  readonly ipsec: boolean;
  readonly strict: boolean;
  readonly elements: readonly Element[];
}

/** What one transformation must be: `struct xt_policy_elem`. */
interface Element {
  reqid?: Negatable<number>;
  spi?: Negatable<number>;
  proto?: Negatable<number>;
  mode?: Negatable<string>;
  tunnelSource?: Negatable<IpNetwork>;
  tunnelDestination?: Negatable<IpNetwork>;
}

/** XT_POLICY_MAX_ELEM */
const MAX_ELEMENTS = 4;

function parseElement(options: OptionList, given: GivenOption, element: Element): void {
  const word = given.args[0];
  const { negated } = given;
  const take = <T>(value: T | undefined): Negatable<T> | undefined => {
    if (value !== undefined) return { value, negated };
    options.error(refusal.badValue('policy', given.name, word.text), word);
    return undefined;
  };
  const network = (): IpNetwork | undefined => {
    const found = parseNetwork(word.text);
    return found?.version === options.version ? found : undefined;
  };
  if (given.name === '--reqid') element.reqid = take(parseUint(word.text, 0xffffffff));
  else if (given.name === '--spi') element.spi = take(parseUint(word.text, 0xffffffff));
  else if (given.name === '--proto') element.proto = take(parseProtocol(word.text));
  else if (given.name === '--mode')
    element.mode = take(['transport', 'tunnel'].find((mode) => mode === word.text));
  else if (given.name === '--tunnel-src') element.tunnelSource = take(network());
  else if (given.name === '--tunnel-dst') element.tunnelDestination = take(network());
}

function parse(options: OptionList): PolicyMatch {
  const direction = requireOption(options, 'policy', '--dir');
  if (direction && direction.text !== 'in' && direction.text !== 'out')
    options.error(refusal.badValue('policy', '--dir', direction.text), direction);
  const policy = options.find('--pol')?.args[0];
  if (policy && policy.text !== 'none' && policy.text !== 'ipsec')
    options.error(refusal.badValue('policy', '--pol', policy.text), policy);
  const elements: Element[] = [{}];
  for (const given of options.given) {
    if (given.name !== '--next') parseElement(options, given, elements[elements.length - 1]);
    else if (elements.length < MAX_ELEMENTS) elements.push({});
    else options.error('policy match: maximum policy depth reached', given);
  }
  const problem = policy?.text === 'ipsec' ? refuseElements(elements, options.has('--strict')) : undefined;
  if (problem) options.error(problem);
  return {
    direction: direction?.text ?? 'in',
    ipsec: policy?.text === 'ipsec',
    strict: options.has('--strict'),
    elements: policy?.text === 'ipsec' ? elements : [],
  };
}

/** `policy_check()` (extensions/libxt_policy.c) */
function refuseElements(elements: readonly Element[], strict: boolean): string | undefined {
  if (!strict && elements.length > 1) return 'policy: option "--next" also requires "--strict".';
  for (const [i, element] of elements.entries()) {
    if (strict && Object.values(element).every((value) => value === undefined))
      return (
        `policy match: empty policy element ${i}. --strict is in effect, but at least one of reqid, spi, ` +
        'tunnel-src, tunnel-dst, proto or mode is required.'
      );
    const tunnel = element.tunnelSource ?? element.tunnelDestination;
    if (tunnel && (element.mode?.value !== 'tunnel' || element.mode.negated))
      return 'policy match: --tunnel-src/--tunnel-dst is only valid in tunnel mode';
  }
  return undefined;
}

function address(network: IpNetwork): string {
  return network.prefixLength === (network.version === 4 ? 32 : 128)
    ? network.address.toString()
    : network.toString();
}

function elementText(element: Element, dashes: string, numeric: boolean): string[] {
  const part = <T>(name: string, wanted: Negatable<T> | undefined, show: (value: T) => string): string[] =>
    wanted ? [`${bang(wanted.negated)}${dashes}${name} ${show(wanted.value)}`] : [];
  return [
    ...part('reqid', element.reqid, String),
    ...part('spi', element.spi, (spi) => hex(spi)),
    ...part('proto', element.proto, (proto) => (numeric ? String(proto) : protocolName(proto))),
    ...part('mode', element.mode, String),
    ...part('tunnel-dst', element.tunnelDestination, address),
    ...part('tunnel-src', element.tunnelSource, address),
  ];
}

function print(data: PolicyMatch): string {
  const parts = [`--dir ${data.direction} --pol ${data.ipsec ? 'ipsec' : 'none'}`];
  if (data.strict) parts.push('--strict');
  for (const [i, element] of data.elements.entries())
    parts.push(...(i ? ['--next'] : []), ...elementText(element, '--', false));
  return parts.join(' ');
}

function list(data: PolicyMatch, numeric: boolean): string {
  const parts = [`policy match dir ${data.direction} pol ${data.ipsec ? 'ipsec' : 'none'}`];
  if (data.strict) parts.push('strict');
  for (const [i, element] of data.elements.entries())
    parts.push(...(data.elements.length > 1 ? [`[${i}]`] : []), ...elementText(element, '', numeric));
  return parts.join(' ');
}

/** `policy_mt()` (net/netfilter/xt_policy.c) without IPsec, which is not modelled: no packet has a policy. */
export const policy: MatchDefinition<PolicyMatch, undefined> = {
  name: 'policy',
  versions: [4, 6],
  options: [
    { name: '--dir', args: 1 },
    { name: '--pol', args: 1 },
    { name: '--strict', args: 0 },
    { name: '--reqid', args: 1, negatable: true },
    { name: '--spi', args: 1, negatable: true },
    { name: '--proto', args: 1, negatable: true },
    { name: '--mode', args: 1, negatable: true },
    { name: '--tunnel-src', args: 1, negatable: true },
    { name: '--tunnel-dst', args: 1, negatable: true },
    { name: '--next', args: 0 },
  ],
  parse,
  print,
  list,
  reads: () => ['routing'],
  pure: true,
  common: false,
  start: () => undefined,
  test: (data) => (data.ipsec ? Outcome.unknown : Outcome.hit),
  explain: (data, _, __, ___, outcome) => [
    {
      name: 'policy',
      field: 'routing',
      wanted: data.ipsec ? 'an IPsec policy' : 'no IPsec policy',
      saw: data.ipsec ? 'IPsec, which is not modelled' : 'none: IPsec is not modelled',
      outcome,
    },
  ],
};
