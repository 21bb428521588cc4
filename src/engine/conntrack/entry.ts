import { type Connection, CtStatus, Direction, Tuple } from '../../rules/connection.js';
import type { Rule } from '../../rules/model.js';
import type { StandIn } from '../passage.js';
import type { FlowPath } from '../steady/flowPath.js';
import type { FtpLines } from './helpers/ftp.js';
import type { HelperState } from './helpers/state.js';
import { type ConnectionRows, NOWHERE } from './rows.js';
import type { SctpState } from './sctp.js';
import type { SequenceOffsets } from './sequenceOffsets.js';
import type { ConntrackSettings } from './settings.js';
import { TcpState } from './tcpState.js';

/** Of all entries that are not counted: nobody adds to it. */
const UNCOUNTED: [number, number] = [0, 0];

/** What an entry keeps itself while it is not in the table. */
class Words {
  tcp: TcpState | null = null;
  expires = 0;
  born = 0;

  constructor(
    public original: Tuple,
    public reply: Tuple,
  ) {}
}

/** Of a connection that synproxy opened to its server: `struct nf_conn_synproxy`. */
export interface Proxied {
  /** The sequence number that the client was answered with: its cookie. */
  isn: number;
  /** The clock that the client was shown. */
  clock: number;
  /** How far the server's clock is ahead of that. */
  clockOffset: number;
  /** Why it may never have been opened; null: it was. */
  readonly doubt: string | null;
  /** What of the server's numbers nothing tells; null: nothing, or it was captured. */
  guessed: StandIn | null;
}

/** What few connections have. */
class Rarities {
  labels: [number, number, number, number] | null = null;
  helper: string | null = null;
  timeouts: ConntrackSettings | null = null;
  master: ConnectionEntry | null = null;
  markRule: Rule | null = null;
  sctp: SctpState | null = null;
  ftpLines: FtpLines | null = null;
  sequenceOffsets: SequenceOffsets | null = null;
  helperState: HelperState | null = null;
  proxied: Proxied | null = null;
}

const NONE: Readonly<Rarities> = new Rarities();

const Bit = { fromHost: 1, fromSnapshot: 2, dead: 4 } as const;

/**
 * A conntrack entry: `struct nf_conn`. There may be a million of them: what is numbers stands in a row of the table while
 * the entry is in it, and what few have in an object of its own.
 */
export class ConnectionEntry implements Connection {
  status = 0;
  private ctMark = 0;
  sourceRule: Rule | null = null;
  destinationRule: Rule | null = null;
  /** The interface whose address MASQUERADE took; 0: none. */
  masqueradeIndex = 0;
  /** The frame of its first packet, for explanations. */
  firstFrame = 0;
  /** The frame that carried the first reply; 0: none yet. */
  replyFrame = 0;
  /** What happened since the last event went out: bits of CtEvent. */
  events = 0;
  /** The way that its packets go, by direction, once one has gone it. */
  originalPath: FlowPath | null = null;
  replyPath: FlowPath | null = null;
  /** A hash of its source, and another one in the same chain of them, for NAT. */
  sourceHash = 0;
  nextOfSource: ConnectionEntry | null = null;
  /** Its row in the table; NOWHERE: it is not in the table, and `own` has what a row has. */
  row: number = NOWHERE;
  private bits = 0;
  /** The zone's number, and from bit 16 where it counts. */
  private zones = 3 << 16;
  private rows: ConnectionRows | null = null;
  private own: Words | null;
  private rare: Rarities | null = null;
  private counts: { readonly packets: [number, number]; readonly bytes: [number, number] } | null = null;

  constructor(
    readonly id: number,
    original: Tuple,
    reply: Tuple,
  ) {
    this.own = new Words(original, reply);
  }

  /** It is in the table. */
  get listed(): boolean {
    return this.row !== NOWHERE;
  }

  /** Its words go into a row of the table. */
  settle(rows: ConnectionRows, row: number): void {
    const own = this.own as Words;
    this.rows = rows;
    this.row = row;
    this.own = null;
    rows.setTuple(row, Direction.original, own.original);
    rows.setTuple(row, Direction.reply, own.reply);
    rows.setExpires(row, own.expires);
    rows.setBorn(row, own.born);
    if (own.tcp) rows.setTcp(row, own.tcp);
  }

  /** It has left the table, and takes its words out of the row. */
  leave(): void {
    const own = new Words(this.original, this.reply);
    own.expires = this.expires;
    own.born = this.born;
    const tcp = this.tcpState();
    if (tcp) {
      own.tcp = new TcpState();
      this.rows?.readTcp(this.row, own.tcp);
    }
    this.own = own;
    this.rows = null;
    this.row = NOWHERE;
  }

  /** Of an entry in the table a copy, made anew each time. */
  get original(): Tuple {
    return this.tuple(Direction.original);
  }

  get reply(): Tuple {
    return this.tuple(Direction.reply);
  }

  set reply(tuple: Tuple) {
    if (this.own) this.own.reply = tuple;
    else this.rows?.setTuple(this.row, Direction.reply, tuple);
  }

  tuple(direction: Direction): Tuple {
    const { own } = this;
    if (own) return direction === Direction.original ? own.original : own.reply;
    const tuple = new Tuple();
    this.rows?.readTuple(this.row, direction, tuple);
    return tuple;
  }

  /** The same, to be looked at and forgotten. @param scratch may be what comes back */
  lookAt(direction: Direction, scratch: Tuple): Tuple {
    if (this.own) return this.tuple(direction);
    this.rows?.readTuple(this.row, direction, scratch);
    return scratch;
  }

  /** What is known of its TCP connection; good until the next call for any entry, and to be kept by `keepTcp`. */
  tcpState(): TcpState | null {
    if (this.own) return this.own.tcp;
    const { rows, row } = this;
    if (!rows?.hasTcp(row)) return null;
    rows.readTcp(row, SCRATCH);
    return SCRATCH;
  }

  keepTcp(tcp: TcpState): void {
    if (this.own) this.own.tcp = tcp;
    else this.rows?.setTcp(this.row, tcp);
  }

  /** ns since capture start. */
  get expires(): number {
    return this.own ? this.own.expires : (this.rows as ConnectionRows).expires(this.row);
  }

  set expires(time: number) {
    if (this.own) this.own.expires = time;
    else this.rows?.setExpires(this.row, time);
  }

  /** When the first packet came, ns; UDP counts as a stream two seconds later. */
  get born(): number {
    return this.own ? this.own.born : (this.rows as ConnectionRows).born(this.row);
  }

  set born(time: number) {
    if (this.own) this.own.born = time;
    else this.rows?.setBorn(this.row, time);
  }

  get zone(): number {
    return this.zones & 0xffff;
  }

  set zone(zone: number) {
    this.zones = (this.zones & ~0xffff) | (zone & 0xffff);
  }

  /** Bits by Direction: where the zone counts (`--zone-orig`, `--zone-reply`). */
  get zoneDirections(): number {
    return this.zones >>> 16;
  }

  set zoneDirections(bits: number) {
    this.zones = (bits << 16) | this.zone;
  }

  /** This host opened it: a socket of its own waits for the answers. */
  get fromHost(): boolean {
    return (this.bits & Bit.fromHost) !== 0;
  }

  set fromHost(is: boolean) {
    this.setBit(Bit.fromHost, is);
  }

  /** Was there when the capture began. */
  get fromSnapshot(): boolean {
    return (this.bits & Bit.fromSnapshot) !== 0;
  }

  set fromSnapshot(is: boolean) {
    this.setBit(Bit.fromSnapshot, is);
  }

  get dead(): boolean {
    return (this.bits & Bit.dead) !== 0;
  }

  set dead(is: boolean) {
    this.setBit(Bit.dead, is);
  }

  private setBit(bit: number, is: boolean): void {
    this.bits = is ? this.bits | bit : this.bits & ~bit;
  }

  get mark(): number {
    return this.ctMark;
  }

  set mark(mark: number) {
    if (mark === this.ctMark) return;
    this.ctMark = mark;
    this.events |= CtEvent.mark;
  }

  get labels(): [number, number, number, number] | null {
    return (this.rare ?? NONE).labels;
  }

  set labels(labels: [number, number, number, number] | null) {
    if (!labels && !this.rare) return;
    const before = this.rarities.labels;
    if (labels?.some((word, i) => word !== (before?.[i] ?? 0))) this.events |= CtEvent.label;
    this.rarities.labels = labels;
  }

  get helper(): string | null {
    return (this.rare ?? NONE).helper;
  }

  set helper(helper: string | null) {
    if (helper !== null || this.rare) this.rarities.helper = helper;
  }

  /** What a timeout policy gave it instead of the host's own; null: nothing. */
  get timeouts(): ConntrackSettings | null {
    return (this.rare ?? NONE).timeouts;
  }

  set timeouts(timeouts: ConntrackSettings | null) {
    if (timeouts || this.rare) this.rarities.timeouts = timeouts;
  }

  get master(): ConnectionEntry | null {
    return (this.rare ?? NONE).master;
  }

  set master(master: ConnectionEntry | null) {
    if (master || this.rare) this.rarities.master = master;
  }

  get markRule(): Rule | null {
    return (this.rare ?? NONE).markRule;
  }

  set markRule(rule: Rule | null) {
    if (rule || this.rare) this.rarities.markRule = rule;
  }

  get sctp(): SctpState | null {
    return (this.rare ?? NONE).sctp;
  }

  set sctp(sctp: SctpState | null) {
    if (sctp || this.rare) this.rarities.sctp = sctp;
  }

  get ftpLines(): FtpLines | null {
    return (this.rare ?? NONE).ftpLines;
  }

  set ftpLines(lines: FtpLines | null) {
    if (lines || this.rare) this.rarities.ftpLines = lines;
  }

  get sequenceOffsets(): SequenceOffsets | null {
    return (this.rare ?? NONE).sequenceOffsets;
  }

  set sequenceOffsets(offsets: SequenceOffsets | null) {
    if (offsets || this.rare) this.rarities.sequenceOffsets = offsets;
  }

  /** What its helper remembers of it. */
  get helperState(): HelperState | null {
    return (this.rare ?? NONE).helperState;
  }

  set helperState(state: HelperState | null) {
    if (state || this.rare) this.rarities.helperState = state;
  }

  /** null: it was not opened by synproxy. */
  get proxied(): Proxied | null {
    return (this.rare ?? NONE).proxied;
  }

  set proxied(proxied: Proxied | null) {
    if (proxied || this.rare) this.rarities.proxied = proxied;
  }

  private get rarities(): Rarities {
    return (this.rare ??= new Rarities());
  }

  /** False where counting was off when it was made (net.netfilter.nf_conntrack_acct); `count` is then not called. */
  get counted(): boolean {
    return this.counts !== null;
  }

  get packets(): [number, number] {
    return this.counts ? this.counts.packets : UNCOUNTED;
  }

  get bytes(): [number, number] {
    return this.counts ? this.counts.bytes : UNCOUNTED;
  }

  /** Counting is on. */
  count(): void {
    this.counts = { packets: [0, 0], bytes: [0, 0] };
  }

  has(bit: number): boolean {
    return (this.status & bit) !== 0;
  }

  get confirmed(): boolean {
    return (this.status & CtStatus.confirmed) !== 0;
  }
}

const SCRATCH = new TcpState();

/** IPCT_* of linux/netfilter/nf_conntrack_common.h: what `conntrack -E` is told. */
export const CtEvent = {
  new: 1 << 0,
  related: 1 << 1,
  destroy: 1 << 2,
  reply: 1 << 3,
  assured: 1 << 4,
  protoinfo: 1 << 5,
  helper: 1 << 6,
  mark: 1 << 7,
  seqAdjust: 1 << 8,
  label: 1 << 10,
  synproxy: 1 << 11,
} as const;
