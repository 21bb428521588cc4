import type { TerminalOptions } from './terminal.js';

export const FORMATS = ['text', 'json', 'ndjson', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

/** The host and its rules, as options tell them. */
export interface HostOptions {
  readonly host?: string;
  readonly rules?: readonly string[];
  readonly addr?: readonly string[];
  readonly route?: readonly string[];
  readonly link?: readonly string[];
  readonly sysctl?: readonly string[];
  readonly socket?: readonly string[];
}

export interface CaptureOptions {
  /** `eth0` for all captures, `eth0.pcap=eth0` for one. */
  readonly interface?: readonly string[];
  /** `eth0=file`: a capture whose frames all came in, or all left, by that interface. */
  readonly in?: readonly string[];
  readonly egress?: readonly string[];
}

export interface ReportOptions {
  readonly format: Format;
  /** A file for the report's table; `-` is standard output. */
  readonly csv?: string;
}

export interface ReplayOptions extends TerminalOptions, HostOptions, CaptureOptions, ReportOptions {
  readonly out?: string;
  /** pcapng: the captured packets, with a comment each. */
  readonly annotate?: string;
  readonly seed?: number;
  /** Threads. */
  readonly jobs: number;
}

export interface CompareOptions extends Omit<ReplayOptions, 'jobs'> {
  readonly log?: readonly string[];
  readonly most?: number;
  /** Seconds after which looking for causes is given up; it ends by itself much sooner. */
  readonly search: number;
}

export interface LabOptions extends Omit<ReplayOptions, 'jobs'> {
  /** So many times the capture's own pace. */
  readonly speed: number;
  readonly most?: number;
  /** Seconds that may be spent on looking for causes. */
  readonly search: number;
}

export interface WhyOptions extends TerminalOptions, HostOptions, CaptureOptions {
  readonly format: 'text' | 'json';
  readonly seed?: number;
  /** Every rule. */
  readonly all?: boolean;
  /** The way of one packet: its number. */
  readonly packet?: number;
  readonly try: boolean;
  readonly brief?: boolean;
}

export interface RulesOptions extends TerminalOptions, CaptureOptions, ReportOptions {
  readonly table?: string;
  readonly list?: boolean;
  readonly listRules?: boolean;
  readonly save?: boolean;
  readonly numeric?: boolean;
  readonly counters?: boolean;
  readonly exact?: boolean;
  readonly lineNumbers?: boolean;
  /** The tables of nft. */
  readonly nft?: boolean;
  readonly ipv4?: boolean;
  readonly ipv6?: boolean;
  readonly iptablesVersion?: string;
  readonly replay?: readonly string[];
  /** What is held against the rules given first. */
  readonly diff?: readonly string[];
}

export interface PacketsOptions extends TerminalOptions, CaptureOptions, ReportOptions {
  readonly host?: string;
}

export interface LogCommandOptions extends TerminalOptions, ReportOptions {}

export interface CollectOptions extends TerminalOptions {
  /** Makes the snapshot here instead of printing the script. */
  readonly run?: string;
}

export interface LiveOptions extends TerminalOptions, HostOptions, ReportOptions {
  readonly interface: readonly string[];
  /** `journal`, `dmesg` or a file. */
  readonly log?: string;
  readonly via?: 'cap' | 'tcpdump';
  readonly filter?: string;
  readonly snaplen?: number;
  /** MiB. */
  readonly ring?: number;
  /** Seconds. */
  readonly window: number;
  readonly duration?: number;
  readonly write?: string;
  readonly out?: string;
  readonly most?: number;
  /** Seconds that may be spent on looking for causes, for a report. */
  readonly search: number;
  readonly seed?: number;
}
