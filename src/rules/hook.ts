/** The five hooks of the IP families (linux/netfilter.h), in the kernel's numbering. */
export const Hook = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
export type Hook = (typeof Hook)[keyof typeof Hook];

export const HOOK_NAMES = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;

/** Priorities of linux/netfilter_ipv4.h: a lower one runs first. */
export const Priority = {
  rawBeforeDefrag: -450,
  defrag: -400,
  raw: -300,
  selinuxFirst: -225,
  conntrack: -200,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
  selinuxLast: 225,
  conntrackHelper: 300,
  conntrackConfirm: 0x7fffffff,
} as const;
