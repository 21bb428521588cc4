import type { Packet } from '../packet/packet.js';
import type { Hook } from '../rules/hook.js';
import type { Chain, Rule } from '../rules/model.js';
import type { KeptText, Place } from '../source/keptText.js';
import type { StandIn } from './passage.js';

/** A LOG (or legacy TRACE) line that the simulated kernel writes. */
export interface PredictedLine {
  /** ns since capture start. */
  readonly time: number;
  /** The frame that caused it, 1-based over all files; 0 for none. */
  readonly frame: number;
  /** The rule that logged; null for a TRACE line of a policy. */
  readonly rule: Rule | null;
  /** syslog severity, 0 to 7. */
  readonly level: number;
  /** What the rule has the line begin with. */
  readonly prefix: string;
  /** The whole line, trailing space included, without a time stamp. */
  readonly text: string;
  /** The same, of lines that were kept: to be compared without reading it. */
  readonly kept?: KeptText;
  /** Of lines that are kept together: the one at that place. */
  elsewhere?(place: Place): PredictedLine;
  /** Why this line cannot be relied on: an `unknown` was met, or a choice was made without evidence. */
  readonly doubt: string | null;
  /** The packet was made by the host and was not seen leaving. */
  readonly uncaptured: boolean;
  /**
   * The field whose value nothing in the inputs tells, so that the text holds a stand-in: the identification of an
   * uncaptured IPv4 packet, the flow label of an IPv6 one, what only the host's TCP can know (sequence number and clock),
   * or the owner (UID and GID).
   * null: every field is known.
   */
  readonly guessed: StandIn | null;
}

/** A step of a traced packet's way through nft's rules, which the kernel tells over netlink (NFT_MSG_TRACE). */
export interface TraceStep {
  /** As it is at this step: it is changed later. */
  readonly packet: Packet;
  readonly hook: Hook;
  readonly chain: Chain;
  /** null: the policy. */
  readonly rule: Rule | null;
  /** `accept`, `continue`, `jump user`… */
  readonly verdict: string;
  /** Nothing was told yet of the packet in this base chain: its headers are told along (`packet_dumped`). */
  readonly isFirst: boolean;
}
