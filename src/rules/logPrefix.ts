import type { LogOptions } from './context.js';
import type { Rule, Step } from './model.js';
import { log } from './targets/log.js';
import { nflog, type NflogTarget } from './targets/nflog.js';

/** Log level of nft that stands for the audit system (`NFT_LOGLEVEL_AUDIT`, linux/netfilter/nf_tables.h). */
const AUDIT_LEVEL = 8;

/** The prefix of what a step writes to the kernel log; null: it writes nothing there. */
export function logPrefix(step: Step): string | null {
  if (step.kind === 'target' && step.definition === log) return (step.data as LogOptions).prefix;
  if (step.kind !== 'statement' || step.statement.kind !== 'log') return null;
  const { group, level, prefix } = step.statement;
  return group === null && level !== AUDIT_LEVEL ? (prefix ?? '') : null;
}

/** The prefixes with which a rule logs, in order; none for a rule that does not. */
export function logPrefixes({ steps }: Rule): string[] {
  return steps.map(logPrefix).filter((prefix) => prefix !== null);
}

/** What a rule sends to listeners of NFLOG. */
export interface GroupMessage {
  readonly group: number;
  readonly prefix: string;
}

/** The messages that a rule sends, in order. */
export function groupMessages({ steps }: Rule): GroupMessage[] {
  return steps.flatMap((step) => {
    if (step.kind === 'target' && step.definition === nflog) {
      const { group, prefix } = step.data as NflogTarget;
      return { group, prefix };
    }
    if (step.kind !== 'statement' || step.statement.kind !== 'log') return [];
    const { group, prefix } = step.statement;
    return group === null ? [] : { group, prefix: prefix ?? '' };
  });
}
