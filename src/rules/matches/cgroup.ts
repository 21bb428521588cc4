import type { MatchDefinition } from '../definition.js';
import { undecided } from '../explaining.js';
import { negatableNumber } from '../arguments.js';
import { bang, type Negatable } from '../negatable.js';
import { saveString } from '../quoting.js';
import { KERNEL_REFUSES } from '../refusal.js';
import { Outcome } from '../verdict.js';

/** `struct xt_cgroup_info_v2` (linux/netfilter/xt_cgroup.h): the control group of the socket that sends or receives. */
export interface CgroupMatch {
  readonly path: Negatable<string> | null;
  readonly classId: Negatable<number> | null;
}

const WHY = 'the control group of a socket, which neither capture nor snapshot tells';

export const cgroup: MatchDefinition<CgroupMatch, undefined> = {
  name: 'cgroup',
  versions: [4, 6],
  options: [
    { name: '--path', args: 1, negatable: true },
    { name: '--cgroup', args: 1, negatable: true },
  ],
  parse(options) {
    const given = options.find('--path');
    const classId = negatableNumber(options, 'cgroup', '--cgroup');
    // `cgroup_mt_check_v2()` (net/netfilter/xt_cgroup.c) wants one of them.
    if (!given === !options.has('--cgroup')) options.error(KERNEL_REFUSES);
    return { path: given ? { value: given.args[0].text, negated: given.negated } : null, classId };
  },
  print: ({ path, classId }) =>
    [
      ...(path ? [`${bang(path.negated)}--path ${saveString(path.value)}`] : []),
      ...(classId ? [`${bang(classId.negated)}--cgroup ${classId.value}`] : []),
    ].join(' '),
  list: ({ path, classId }) =>
    [
      'cgroup',
      ...(path ? [`${bang(path.negated)}${path.value}`] : []),
      ...(classId ? [`${bang(classId.negated)}${classId.value}`] : []),
    ].join(' '),
  reads: () => ['socket'],
  pure: true,
  common: false,
  start: () => undefined,
  test: () => Outcome.unknown,
  explain: ({ path, classId }) => {
    const wanted = path ?? classId;
    return [undecided('cgroup', 'socket', wanted?.negated ?? false, String(wanted?.value ?? ''), WHY)];
  },
};
