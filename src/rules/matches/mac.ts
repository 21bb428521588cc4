import { formatMac, type MacAddress, parseMac } from '../../address/mac.js';
import { LinkKind } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition, undecided } from '../explaining.js';
import { bang, type Negatable } from '../negatable.js';
import { refusal } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct xt_mac_info` (linux/netfilter/xt_mac.h). */
export type MacMatch = Negatable<MacAddress>;

/** Offsets in the Ethernet header (IEEE 802.3 clause 3), bytes. */
const SOURCE = 6;
const HEADER_LENGTH = 14;

function sameSource(mac: MacAddress, { link }: Packet): boolean {
  for (let i = 0; i < mac.length; i++) if (link[SOURCE + i] !== mac[i]) return false;
  return true;
}

/** `mac_mt()` (net/netfilter/xt_mac.c): what did not come over Ethernet never matches, `!` or not. */
function test({ value, negated }: MacMatch, packet: Packet): Outcome {
  if (packet.in?.kind !== LinkKind.ethernet) return Outcome.miss;
  if (packet.link.length < HEADER_LENGTH) return Outcome.unknown;
  return sameSource(value, packet) !== negated ? Outcome.hit : Outcome.miss;
}

function explain(
  { value, negated }: MacMatch,
  packet: Packet,
  _context: unknown,
  _state: unknown,
  outcome: Outcome,
): Condition[] {
  const wanted = formatMac(value);
  if (outcome === Outcome.unknown)
    return [undecided('mac-source', 'link', negated, wanted, 'a link header that was not captured')];
  const saw =
    packet.in?.kind === LinkKind.ethernet
      ? formatMac(packet.link.subarray(SOURCE, SOURCE + 6))
      : `no Ethernet (${packet.in?.name ?? 'from this host'})`;
  return [condition('mac-source', 'link', negated, wanted, saw, outcome === Outcome.hit)];
}

export const mac: MatchDefinition<MacMatch, undefined> = {
  name: 'mac',
  versions: [4, 6],
  options: [{ name: '--mac-source', args: 1, negatable: true }],
  parse(options) {
    const given = options.find('--mac-source');
    if (!given) options.error(refusal.missing('mac', '--mac-source'));
    const value = given && parseMac(given.args[0].text);
    if (given && !value) options.error('Invalid MAC address specified.', given.args[0]);
    return { value: value ?? new Uint8Array(6), negated: given?.negated ?? false };
  },
  print: ({ value, negated }) => `${bang(negated)}--mac-source ${formatMac(value)}`,
  list: ({ value, negated }) => `MAC ${bang(negated)}${formatMac(value)}`,
  reads: () => ['link', 'in'],
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
