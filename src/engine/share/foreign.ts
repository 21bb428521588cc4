import type { Frame } from '../../capture/frame.js';
import type { Host } from '../../host/host.js';
import { decodeLink, LinkLayer } from '../../packet/link.js';
import { EtherType } from '../../packet/numbers.js';
import type { Arrival, Arrivals } from '../evidence/arrival.js';
import { Queue } from '../evidence/queue.js';
import { FIRST, type Share } from './share.js';
import type { Glimpse } from '../steady/glimpse.js';

/** What a share of a capture reads of the frames that are of others: as little as it may, since it reads them all. */
export class ForeignFrames {
  private readonly link = new LinkLayer();
  /** Interfaces that foreign frames were seen on, and whether each is a port of a bridge. */
  private readonly met = new Map<number | string, boolean>();
  /** Frames of this share that a later frame may tell of. */
  private readonly open = new Queue<Glimpse>();
  /** ns since capture start. */
  private time = -Infinity;

  constructor(
    private readonly share: Share,
    private readonly host: Host,
    private readonly arrivals: Arrivals,
    private readonly ahead: { readonly frames: number; readonly time: number },
  ) {}

  /** A frame is read, whoever's it is: which ones are told of by no later one is so known in every share. */
  read({ number, time }: Frame): void {
    const { open, ahead } = this;
    // Then it hangs on the frames of others how far ahead is looked.
    if (time < this.time)
      this.share.refuse(`the time of frame ${number} is before that of the frame before it`);
    this.time = time;
    while (open.length > 0) {
      const { first } = open;
      if (first.number + ahead.frames >= number && first.time + ahead.time >= time) break;
      open.shift().closedBy = number;
    }
    this.host.assumptions.at = number + 0.5;
  }

  /** A frame is of this share. */
  own(glimpse: Glimpse): void {
    glimpse.closedBy = 0;
    this.open.push(glimpse);
  }

  /** A frame is about to be run. @param count of all frames, where no later one came */
  step({ closedBy, number }: Glimpse, count: number): void {
    this.host.assumptions.at = (closedBy === 0 ? count + 1 : closedBy) + number / 2 ** 32;
  }

  /**
   * Whether a frame is of another share. What it shows of the host's interfaces is noted.
   * @returns a port's frame, of which is learned where its sender is
   */
  isForeign(frame: Frame): boolean | Arrival {
    const { share, link } = this;
    if (typeof decodeLink(frame.linkType, frame.bytes, link) === 'string') return share.index !== FIRST;
    if (link.nflog) share.refuse('a capture of NFLOG shows packets again and again');
    if (link.etherType !== EtherType.ipv4 && link.etherType !== EtherType.ipv6) return share.index !== FIRST;
    if (share.owns(frame.bytes, link.network)) return false;
    const isTold =
      link.interfaceIndex !== 0
        ? this.host.isNumbered && link.packetType !== null
        : frame.interface !== '' && frame.interface !== 'any' && frame.direction !== '';
    const isPlain = isTold && link.vlans.length === 0 && link.pppoeSession === null;
    const key = link.interfaceIndex || frame.interface;
    if (isPlain && this.met.get(key) === false) return true;
    const arrival = this.arrivals.read(frame);
    if (typeof arrival === 'string') return true;
    const isPort = arrival.device.master?.isBridge === true;
    if (isPlain) this.met.set(key, isPort);
    return isPort && arrival.direction === 'in' ? { ...arrival, isForeign: true } : true;
  }
}
