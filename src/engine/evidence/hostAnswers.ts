import { u16 } from '../../packet/bytes.js';
import { Ipv4, Ipv4Fragment } from '../../packet/ipv4.js';
import type { Packet } from '../../packet/packet.js';
import type { Tracker } from '../conntrack/tracker.js';
import type { Passage } from '../passage.js';
import { type EgressWindow, isAnswer, takeIdentification } from './evidence.js';
import { FlowLabels, setFlowLabel } from './flowLabels.js';
import type { Sight } from './sight.js';

/** What the host's own stack answers, and what the capture tells of it that no rule does. */
export class HostAnswers {
  /** What the host is being told of a packet that it could not send. */
  told: Packet | null = null;
  private readonly labels = new FlowLabels();

  constructor(
    private readonly egress: EgressWindow,
    private readonly sight: Sight,
  ) {}

  /** A packet that leaves may have a flow label that others will have. */
  learn(packet: Packet): void {
    this.labels.learn(packet);
  }

  /**
   * An answer of the host's own stack is about to be sent: it takes what only its captured copy tells.
   * @returns whether there is one
   */
  adopt(passage: Passage, tracker: Tracker): boolean {
    const { packet } = passage;
    if (this.told && isAnswer(tracker, packet, this.told)) {
      takeIdentification(packet, this.told);
      return true;
    }
    const seen = this.egress.claimAnswer(tracker, packet);
    if (seen) {
      takeIdentification(packet, seen);
      return true;
    }
    if (passage.doubt === null) this.sight.answer(packet);
    if (packet.version === 4) {
      // What must not be fragmented carries 0 (`ip_select_ident_segs()`).
      if (!(u16(packet.data, Ipv4.fragment) & Ipv4Fragment.dontFragment)) passage.guessed = 'ID';
    } else if (!passage.byReject) {
      const label = this.labels.of(packet);
      if (label === undefined) passage.guessed = 'FLOWLBL';
      else setFlowLabel(packet, label);
    }
    return false;
  }
}
