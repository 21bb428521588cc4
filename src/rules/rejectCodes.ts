import type { RejectKind } from './context.js';

/** Codes of RFC 792 and RFC 1812 (type 3), and of RFC 4443 (type 1), by the names that REJECT takes. */
export const REJECT_CODES: Readonly<Record<Exclude<RejectKind, 'tcp-reset'>, number>> = {
  'icmp-net-unreachable': 0,
  'icmp-host-unreachable': 1,
  'icmp-proto-unreachable': 2,
  'icmp-port-unreachable': 3,
  'icmp-net-prohibited': 9,
  'icmp-host-prohibited': 10,
  'icmp-admin-prohibited': 13,
  'icmp6-no-route': 0,
  'icmp6-adm-prohibited': 1,
  'icmp6-addr-unreachable': 3,
  'icmp6-port-unreachable': 4,
  'icmp6-policy-fail': 5,
  'icmp6-reject-route': 6,
};

const BY_CODE = { 4: byCode('icmp-'), 6: byCode('icmp6-') } as const;

function byCode(beginning: string): ReadonlyMap<number, RejectKind> {
  const all = Object.entries(REJECT_CODES) as [RejectKind, number][];
  return new Map(all.flatMap(([kind, code]) => (kind.startsWith(beginning) ? [[code, kind] as const] : [])));
}

/** What REJECT calls this code of "destination unreachable"; undefined: it sends no such. */
export function rejectKindOf(version: 4 | 6, code: number): RejectKind | undefined {
  return BY_CODE[version].get(code);
}
