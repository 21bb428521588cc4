import type { TargetDefinition } from '../definition.js';
import { audit } from './audit.js';
import { checksum } from './checksum.js';
import { classify } from './classify.js';
import { clusterip } from './clusterip.js';
import { connmark } from './connmark.js';
import { ct, notrack } from './ct.js';
import { dscp } from './dscp.js';
import { ecn } from './ecn.js';
import { hmark } from './hmark.js';
import { hl, ttl } from './hopLimit.js';
import { idletimer } from './idletimer.js';
import { masquerade, redirect } from './interfaceNat.js';
import { led } from './led.js';
import { log } from './log.js';
import { mark } from './mark.js';
import { netmap } from './netmap.js';
import { nflog } from './nflog.js';
import { nfqueue } from './nfqueue.js';
import { dnpt, snpt } from './npt.js';
import { rateest } from './rateest.js';
import { reject } from './reject.js';
import { connsecmark, secmark } from './secmark.js';
import { set } from './set.js';
import { accept, drop, queue, returnFromChain } from './standard.js';
import { synproxy } from './synproxy.js';
import { tcpmss } from './tcpmss.js';
import { tcpoptstrip } from './tcpoptstrip.js';
import { tee } from './tee.js';
import { tos } from './tos.js';
import { tproxy } from './tproxy.js';
import { trace } from './trace.js';
import { dnat, snat } from './translation.js';
import { ulog } from './ulog.js';

/** Every name after -j that is no chain's; one without a definition below does not compile. */
export const TARGET_NAMES = [
  'ACCEPT',
  'AUDIT',
  'CHECKSUM',
  'CLASSIFY',
  'CLUSTERIP',
  'CONNMARK',
  'CONNSECMARK',
  'CT',
  'DNAT',
  'DNPT',
  'DROP',
  'DSCP',
  'ECN',
  'HL',
  'HMARK',
  'IDLETIMER',
  'LED',
  'LOG',
  'MARK',
  'MASQUERADE',
  'NETMAP',
  'NFLOG',
  'NFQUEUE',
  'NOTRACK',
  'QUEUE',
  'RATEEST',
  'REDIRECT',
  'REJECT',
  'RETURN',
  'SECMARK',
  'SET',
  'SNAT',
  'SNPT',
  'SYNPROXY',
  'TCPMSS',
  'TCPOPTSTRIP',
  'TEE',
  'TOS',
  'TPROXY',
  'TRACE',
  'TTL',
  'ULOG',
] as const;
export type TargetName = (typeof TARGET_NAMES)[number];

export const TARGETS: Readonly<Record<TargetName, TargetDefinition>> = {
  ACCEPT: accept,
  AUDIT: audit,
  CHECKSUM: checksum,
  CLASSIFY: classify,
  CLUSTERIP: clusterip,
  CONNMARK: connmark,
  CONNSECMARK: connsecmark,
  CT: ct,
  DNAT: dnat,
  DNPT: dnpt,
  DROP: drop,
  DSCP: dscp,
  ECN: ecn,
  HL: hl,
  HMARK: hmark,
  IDLETIMER: idletimer,
  LED: led,
  LOG: log,
  MARK: mark,
  MASQUERADE: masquerade,
  NETMAP: netmap,
  NFLOG: nflog,
  NFQUEUE: nfqueue,
  NOTRACK: notrack,
  QUEUE: queue,
  RATEEST: rateest,
  REDIRECT: redirect,
  REJECT: reject,
  RETURN: returnFromChain,
  SECMARK: secmark,
  SET: set,
  SNAT: snat,
  SNPT: snpt,
  SYNPROXY: synproxy,
  TCPMSS: tcpmss,
  TCPOPTSTRIP: tcpoptstrip,
  TEE: tee,
  TOS: tos,
  TPROXY: tproxy,
  TRACE: trace,
  TTL: ttl,
  ULOG: ulog,
};

/** The target after -j, where that IP version has it; undefined for a user chain or an unknown extension. */
export function findTarget(name: string, version: 4 | 6): TargetDefinition | undefined {
  if (!Object.hasOwn(TARGETS, name)) return undefined;
  const definition = TARGETS[name as TargetName];
  return definition.versions.includes(version) ? definition : undefined;
}
