/** The columns of the CSV files, in their stable order; new ones are added at the end. Times are ISO 8601, UTC. */
import type { Difference } from '../compare/result.js';
import type { RuleRow } from '../compare/ruleRows.js';
import type { Finding } from '../explain/finding.js';
import { suspectAddress } from './suspect.js';
import type { Column } from './csv.js';
import { isoTime } from './time.js';
import { wordsOf } from './words.js';

/** differences.csv: kind, time, packet, field, simulated, host, rule, finding (1-based row of findings.csv), reason, file, line. */
export function differenceColumns(epoch: bigint): Column<Difference>[] {
  return [
    { name: 'kind', of: (d) => d.kind },
    { name: 'time', of: (d) => isoTime(epoch, d.time) },
    { name: 'packet', of: (d) => d.frame || null },
    { name: 'field', of: (d) => d.field },
    { name: 'simulated', of: (d) => d.simulated },
    { name: 'host', of: (d) => d.host },
    { name: 'rule', of: (d) => d.rule },
    { name: 'finding', of: (d) => (d.finding === null ? null : d.finding + 1) },
    { name: 'reason', of: (d) => d.reason },
    { name: 'file', of: (d) => d.position?.file ?? null },
    { name: 'line', of: (d) => d.position?.line ?? null },
  ];
}

/** findings.csv, best first. */
export function findingColumns(): Column<{ readonly finding: Finding; readonly number: number }>[] {
  return [
    { name: 'finding', of: (f) => f.number },
    { name: 'kind', of: (f) => f.finding.kind },
    { name: 'confidence', of: (f) => f.finding.confidence },
    { name: 'explains', of: (f) => f.finding.explains },
    { name: 'left', of: (f) => f.finding.left },
    { name: 'suspect', of: (f) => suspectAddress(f.finding.suspect) },
    { name: 'statement', of: (f) => wordsOf(f.finding).statement },
    { name: 'advice', of: (f) => wordsOf(f.finding).advice },
    { name: 'evidence', of: (f) => f.finding.evidence.map((e) => e.text).join('; ') },
  ];
}

/** A predicted line, for logs.csv. */
export interface LogRow {
  /** ns since capture start. */
  readonly time: number;
  readonly frame: number;
  readonly rule: string | null;
  readonly level: number;
  readonly text: string;
  readonly doubt: string | null;
}

/** logs.csv: the lines that the simulated host writes. */
export function logColumns(epoch: bigint): Column<LogRow>[] {
  return [
    { name: 'time', of: (l) => isoTime(epoch, l.time) },
    { name: 'packet', of: (l) => l.frame || null },
    { name: 'rule', of: (l) => l.rule },
    { name: 'level', of: (l) => l.level },
    { name: 'text', of: (l) => l.text },
    { name: 'doubt', of: (l) => l.doubt },
  ];
}

/** A rule and what it counted, for rules.csv. */
export const ruleColumns: readonly Column<RuleRow>[] = [
  { name: 'rule', of: (r) => r.address },
  { name: 'family', of: (r) => r.family },
  { name: 'table', of: (r) => r.table },
  { name: 'chain', of: (r) => r.chain },
  { name: 'number', of: (r) => r.number },
  { name: 'packets', of: (r) => r.packets },
  { name: 'bytes', of: (r) => r.bytes },
  { name: 'host_packets', of: (r) => r.hostPackets },
  { name: 'host_bytes', of: (r) => r.hostBytes },
  { name: 'text', of: (r) => r.text },
];

/** A frame as it was decoded, and what became of it, for packets.csv. */
export interface PacketRow {
  readonly frame: number;
  /** ns since capture start. */
  readonly time: number;
  readonly interface: string;
  readonly direction: 'in' | 'out' | '';
  readonly family: '4' | '6' | 'arp' | '';
  readonly src: string;
  readonly dst: string;
  /** IP number; null where there is none. */
  readonly protocol: number | null;
  /** Or ICMP type. */
  readonly sport: number | null;
  /** Or ICMP code. */
  readonly dport: number | null;
  /** IP total length. */
  readonly length: number | null;
  /** Bytes kept of the frame. */
  readonly captured: number;
  /** What stopped the decoding, and where; '' for nothing. */
  readonly problem: string;
}

export interface VerdictRow extends PacketRow {
  /** ACCEPT, DROP…; '' where the frame did not start a traversal. */
  readonly verdict: string;
  /** The rule that decided; '' for none. */
  readonly rule: string;
  /** Addresses and ports after translation; '' where none was made. */
  readonly nat: string;
  readonly logs: number;
}

/** The columns of `nfreplay packets` (nanoseconds, docs/cli). */
export function packetColumns(epoch: bigint, digits = 9): Column<PacketRow>[] {
  return [
    { name: 'frame', of: (p) => p.frame },
    { name: 'time', of: (p) => isoTime(epoch, p.time, digits) },
    { name: 'interface', of: (p) => p.interface },
    { name: 'direction', of: (p) => p.direction },
    { name: 'family', of: (p) => p.family },
    { name: 'src', of: (p) => p.src },
    { name: 'dst', of: (p) => p.dst },
    { name: 'protocol', of: (p) => p.protocol },
    { name: 'sport', of: (p) => p.sport },
    { name: 'dport', of: (p) => p.dport },
    { name: 'length', of: (p) => p.length },
    { name: 'captured', of: (p) => p.captured },
    { name: 'problem', of: (p) => p.problem },
  ];
}

/** packets.csv: the same in microseconds, and the verdict. */
export function verdictColumns(epoch: bigint): Column<VerdictRow>[] {
  return [
    ...packetColumns(epoch, 6),
    { name: 'verdict', of: (p) => p.verdict },
    { name: 'rule', of: (p) => p.rule },
    { name: 'nat', of: (p) => p.nat },
    { name: 'logs', of: (p) => p.logs },
  ];
}
