import type { Host } from '../host/host.js';
import type { Packet } from '../packet/packet.js';
import type { SetView } from '../rules/context.js';
import type { HostClock } from '../rules/jiffies.js';
import type { Ruleset } from '../rules/model.js';
import type { Tracker } from './conntrack/tracker.js';
import type { Observer } from './observer.js';
import type { Passage } from './passage.js';
import type { Share } from './share/share.js';
import type { Sight } from './evidence/sight.js';
import type { Sinks } from './world.js';

export interface ReplayOptions {
  readonly ruleset: Ruleset;
  readonly host: Host;
  readonly sets: SetView;
  /** Follows the packet at hand: what timeouts run on. */
  readonly clock: HostClock;
  readonly sinks: Sinks;
  readonly observer?: Observer | null;
  readonly seed?: number;
  /** The interface of frames whose capture does not name one. */
  readonly device?: string;
  /**
   * Which frames may start their way, received or as the host's own; all unless given. Where a ruleset is tried that
   * was not the host's, the capture holds packets that would not have been there.
   */
  readonly admits?: Admission;
  /** Sets what is told of a packet beside its bytes (a mark, a state), before it starts its way. */
  readonly prepares?: Preparation;
  /** Gets to know what the capture shows. */
  readonly sight?: Sight;
  /** Another ruleset is loaded during the capture, ns since its start. */
  readonly later?: LaterRuleset;
  /** Only these connections are run; the others are, elsewhere. */
  readonly share?: Share | null;
}

export type Preparation = (passage: Passage, tracker: Tracker) => void;

/** A ruleset that takes the place of the first one. */
export interface LaterRuleset {
  /** ns since capture start. */
  readonly at: number;
  readonly ruleset: Ruleset;
}

export type Admission = (packet: Packet, how: 'received' | 'sent') => boolean;

/** What the capture held, by what became of it. */
export interface ReplayCounts {
  frames: number;
  /** Packets that came in and were run. */
  received: number;
  /** Packets that the host made by itself, seen leaving. */
  sent: number;
  /** Egress frames that the simulation had predicted. */
  accounted: number;
  /** Copies of packets on a bridge's port, or on the bridge. */
  copies: number;
  /** Egress frames that nothing explains: the host sent them, the simulation did not. */
  unexplained: number;
  /** Packets that came in by an interface which was not captured, and were run as they must have been. */
  assumed: number;
  /** Frames of connections that began there, and of which nothing tells by whom: not run. */
  undecided: number;
  /** Frames without a packet to run, by the reason. */
  readonly skipped: Map<string, number>;
}
