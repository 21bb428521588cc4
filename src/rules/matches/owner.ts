import { SocketKind } from '../../packet/numbers.js';
import type { Packet } from '../../packet/packet.js';
import type { Context } from '../context.js';
import type { Condition, MatchDefinition } from '../definition.js';
import { condition, undecided } from '../explaining.js';
import { parseUint } from '../integers.js';
import { bang, type Negatable } from '../negatable.js';
import type { OptionList, OptionSpec } from '../options.js';
import { KERNEL_REFUSES, refusal } from '../refusal.js';
import { outcomeOf } from '../outcomes.js';
import { OWNER_ASSUMED } from '../owners.js';
import { Outcome } from '../verdict.js';

interface IdRange {
  readonly min: number;
  readonly max: number;
}

/** `struct xt_owner_match_info` (linux/netfilter/xt_owner.h). */
export interface OwnerMatch {
  readonly socketExists: { readonly negated: boolean } | null;
  readonly uid: Negatable<IdRange> | null;
  readonly gid: Negatable<IdRange> | null;
  /** --suppl-groups: any group of the process will do. */
  readonly anyGroup: boolean;
}

const OPTIONS: readonly OptionSpec[] = [
  { name: '--uid-owner', args: 1, negatable: true },
  { name: '--gid-owner', args: 1, negatable: true },
  { name: '--socket-exists', args: 0, negatable: true },
  { name: '--suppl-groups', args: 0 },
];
/** The highest id; the one above stands for none. */
const MAX_ID = 0xfffffffe;

/** Names that every host has with the same number whatever the distribution; other names are the host's own. */
const USERS = new Map([
  ['root', 0],
  ['nobody', 65534],
]);

function parseIds(text: string): IdRange | undefined {
  const named = USERS.get(text);
  if (named !== undefined) return { min: named, max: named };
  const [low, high, more] = text.split('-');
  const min = parseUint(low, MAX_ID);
  const max = high === undefined ? min : parseUint(high, MAX_ID);
  return min === undefined || max === undefined || more !== undefined ? undefined : { min, max };
}

function parse(options: OptionList): OwnerMatch {
  const ids = (name: string): Negatable<IdRange> | null => {
    const given = options.find(name);
    if (!given) return null;
    const value = parseIds(given.args[0].text);
    if (!value) options.error(refusal.badValue('owner', name, given.args[0].text), given.args[0]);
    else if (value.min > value.max) options.error(KERNEL_REFUSES, given.args[0]);
    return value ? { value, negated: given.negated } : null;
  };
  const socket = options.find('--socket-exists');
  const groups = options.find('--suppl-groups');
  const before = options.given.slice(0, groups ? options.given.indexOf(groups) : 0);
  if (groups && !before.some((option) => option.name === '--gid-owner'))
    options.error(refusal.badValue('owner', '--suppl-groups', 'you need to use --gid-owner first'), groups);
  else if (options.given.length === 0)
    options.error('owner: At least one of --uid-owner, --gid-owner or --socket-exists is required');
  return {
    socketExists: socket ? { negated: socket.negated } : null,
    uid: ids('--uid-owner'),
    gid: ids('--gid-owner'),
    anyGroup: groups !== undefined,
  };
}

function words({ min, max }: IdRange): string {
  return min === max ? String(min) : `${min}-${max}`;
}

function print({ socketExists, uid, gid, anyGroup }: OwnerMatch): string {
  return [
    ...(socketExists ? [`${bang(socketExists.negated)}--socket-exists`] : []),
    ...(uid ? [`${bang(uid.negated)}--uid-owner ${words(uid.value)}`] : []),
    ...(gid ? [`${bang(gid.negated)}--gid-owner ${words(gid.value)}`] : []),
    ...(anyGroup ? ['--suppl-groups'] : []),
  ].join(' ');
}

function list({ socketExists, uid, gid, anyGroup }: OwnerMatch, numeric: boolean): string {
  const name = ({ min, max }: IdRange): string =>
    !numeric && min === 0 && max === 0 ? 'root' : words({ min, max });
  return [
    ...(socketExists ? [`${bang(socketExists.negated)}owner socket exists`] : []),
    ...(uid ? [`${bang(uid.negated)}owner UID match ${name(uid.value)}`] : []),
    ...(gid ? [`${bang(gid.negated)}owner GID match ${name(gid.value)}`] : []),
    ...(anyGroup ? ['incl. suppl. groups'] : []),
  ].join(' ');
}

function judge(wanted: Negatable<IdRange>, id: number | undefined): Outcome {
  if (id === undefined) return Outcome.unknown;
  return (id >= wanted.value.min && id <= wanted.value.max) !== wanted.negated ? Outcome.hit : Outcome.miss;
}

/** Another group of the process may be the one: only the first group's own answer, where it is in the range, is sure. */
function judgeGroup({ gid, anyGroup }: OwnerMatch, id: number | undefined): Outcome {
  const first = judge(gid!, id);
  if (!anyGroup || id === undefined) return first;
  return (first === Outcome.hit) !== gid!.negated ? first : Outcome.unknown;
}

function uidOf(packet: Packet, context: Context): number | undefined {
  return packet.uid ?? context.socket(packet)?.uid;
}

/** A socket of the kernel's own has no file, and so no owner; a request is its listener's (`skb_to_full_sk()`). */
function hasOwner({ socket }: Packet): boolean {
  return socket === SocketKind.request || socket === SocketKind.process;
}

/** `owner_mt()` (net/netfilter/xt_owner.c): without a socket, or an owner, only what is negated matches. */
function test(data: OwnerMatch, packet: Packet, context: Context): Outcome {
  const { socketExists, uid, gid } = data;
  const exists = packet.socket !== SocketKind.none;
  // Whether it still has a socket is as little known as whose that is.
  if (packet.ownerAssumed && (uid ?? gid ?? (exists ? null : socketExists))) context.doubt?.(OWNER_ASSUMED);
  if (socketExists && socketExists.negated === exists) return Outcome.miss;
  if (!hasOwner(packet)) return outcomeOf([uid, gid].every((option) => option === null || option.negated));
  const byUid = uid ? judge(uid, uidOf(packet, context)) : Outcome.hit;
  if (byUid === Outcome.miss) return Outcome.miss;
  const byGid = gid ? judgeGroup(data, packet.gid) : Outcome.hit;
  return byGid === Outcome.hit ? byUid : byGid;
}

function explain(data: OwnerMatch, packet: Packet, context: Context): Condition[] {
  const { socketExists, uid, gid } = data;
  const exists = packet.socket !== SocketKind.none;
  const owned = hasOwner(packet);
  const out: Condition[] = [];
  if (socketExists) {
    const saw = exists ? 'a socket' : 'no socket';
    const hit = exists !== socketExists.negated;
    out.push(condition('socket-exists', 'socket', socketExists.negated, 'a socket', saw, hit));
  }
  const owner = (
    name: string,
    wanted: Negatable<IdRange> | null,
    id: number | undefined,
    by: (wanted: Negatable<IdRange>) => Outcome,
  ): void => {
    if (!wanted) return;
    const { value, negated } = wanted;
    const outcome = by(wanted);
    if (!owned) {
      const saw = exists ? "a socket of the kernel's own" : 'no socket';
      out.push(condition(name, 'socket', negated, words(value), saw, negated));
    } else if (outcome === Outcome.unknown)
      out.push(undecided(name, 'socket', negated, words(value), 'an owner that nothing tells'));
    else out.push(condition(name, 'socket', negated, words(value), String(id), outcome === Outcome.hit));
  };
  const uidSeen = uid && owned ? uidOf(packet, context) : undefined;
  owner('uid-owner', uid, uidSeen, (wanted) => judge(wanted, uidSeen));
  owner('gid-owner', gid, packet.gid, () => judgeGroup(data, packet.gid));
  return out;
}

export const owner: MatchDefinition<OwnerMatch, undefined> = {
  name: 'owner',
  versions: [4, 6],
  options: OPTIONS,
  parse,
  print,
  list,
  reads: () => ['socket'],
  pure: true,
  common: false,
  start: () => undefined,
  test,
  explain,
};
