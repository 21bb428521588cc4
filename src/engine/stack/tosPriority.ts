/** By the four TOS bits of RFC 1349: `ip_tos2prio` (net/ipv4/route.c), with TC_PRIO_* of linux/pkt_sched.h. */
const TOS_PRIORITIES = [0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4] as const;

/** The priority that a forwarded packet gets: `rt_tos2priority()`. */
export function priorityOfTos(tos: number): number {
  return TOS_PRIORITIES[(tos & 0x1e) >> 1];
}
