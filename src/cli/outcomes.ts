import type { Observer } from '../engine/observer.js';
import type { Passage } from '../engine/passage.js';
import { addressText } from '../packet/addresses.js';
import { hasPorts } from '../packet/rewrite.js';
import { type Chain, type Rule, ruleAddress } from '../rules/model.js';
import { policyAddress } from '../compare/ruleRows.js';
import { Outcome } from '../rules/verdict.js';

/** What became of a packet. */
export interface PacketOutcome {
  /** ACCEPT, DROP, REJECT…; what the kernel itself dropped has its reason in brackets. */
  readonly verdict: string;
  /** The rule or policy that decided; '' for none. */
  readonly rule: string;
  /** `198.51.100.9:55180 > 172.17.0.2:6379`; '' where nothing was translated. */
  readonly nat: string;
}

/** Watches packets from start to end, and tells what became of the one that each frame brought. */
export interface OutcomeWatch {
  readonly observer: Observer;
  /** The rules that the packet has hit by now. */
  hits(passage: Passage): readonly Rule[];
}

/** What is noted of a packet on its way, and put into words where somebody asks for them. */
class Watched implements PacketOutcome {
  frame = 0;
  isFirst = false;
  hits: Rule[] = [];
  decider: Rule | null = null;
  chain: Chain | null = null;
  translated = false;
  verdict = '';
  private passage: Passage | null = null;

  begin(frame: number, isFirst: boolean): void {
    this.frame = frame;
    this.isFirst = isFirst;
    if (this.hits.length > 0) this.hits = [];
    this.decider = this.chain = null;
    this.translated = false;
  }

  end(passage: Passage, verdict: string, decider: Rule | null, chain: Chain | null): void {
    this.passage = passage;
    this.verdict = verdict;
    this.decider = decider;
    this.chain = chain;
  }

  get rule(): string {
    const { decider, chain } = this;
    return decider ? addressOfRule(decider) : chain ? policyAddress(chain) : '';
  }

  get nat(): string {
    return this.translated && this.passage ? endpointsText(this.passage) : '';
  }
}

/** What is told again of packets that go the way of this one. */
type Kept = Pick<Watched, 'decider' | 'chain' | 'translated'>;

const addresses = new WeakMap<Rule, string>();

function addressOfRule(rule: Rule): string {
  let address = addresses.get(rule);
  if (address === undefined) addresses.set(rule, (address = ruleAddress(rule)));
  return address;
}

/**
 * @param ended is told of each packet, with what is good until it returns; `isFirst` is false for what the host made in
 *   answer to a frame, and for what came in again through lo
 * @param withAddresses whether `ended` asks for the translation
 * @param withHits whether `hits` will be asked: it costs a look at every rule
 */
export function watchOutcomes(
  ended: (frame: number, outcome: PacketOutcome, isFirst: boolean) => void,
  withHits: boolean,
  withAddresses = true,
): OutcomeWatch {
  const of = ({ watched }: Passage): Watched | null => watched as Watched | null;
  /** Those of packets whose way has ended, for the next ones. */
  const spare: Watched[] = [];
  /** A packet that went the way of others. */
  const passed = new Watched();
  passed.isFirst = true;
  passed.verdict = 'ACCEPT';
  let lastFrame = 0;
  const tell = (
    watched: Watched,
    passage: Passage,
    verdict: string,
    decider: Rule | null,
    chain: Chain | null,
  ): void => {
    passage.watched = null;
    watched.end(passage, verdict, decider, chain);
    ended(watched.frame, watched, watched.isFirst);
    spare.push(watched);
  };
  const observer: Observer = {
    packet(passage) {
      const { frame } = passage.packet;
      const watched = spare.pop() ?? new Watched();
      watched.begin(frame, frame !== lastFrame);
      passage.watched = watched;
      lastFrame = frame;
    },
    hook: () => undefined,
    enter: () => undefined,
    skip: () => undefined,
    route: () => undefined,
    misses: () => false,
    watches: () => withHits,
    rule(rule, outcome, _conditions, passage) {
      if (outcome === Outcome.hit) of(passage)?.hits.push(rule);
    },
    verdict(rule, chain, _verdict, passage) {
      const watched = of(passage);
      if (!watched || (rule === null && chain.base === null)) return;
      // What accepted it is told by the tables that are there to decide; the others let everything pass by default.
      if (chain.table.name !== 'filter' && watched.chain) return;
      watched.decider = rule;
      watched.chain = chain;
    },
    translated(passage) {
      const watched = of(passage);
      if (watched) watched.translated = true;
    },
    end(passage, how) {
      const watched = of(passage);
      if (!watched) return;
      switch (how.kind) {
        case 'delivered':
        case 'sent':
          return tell(watched, passage, 'ACCEPT', watched.decider, watched.chain);
        case 'held':
          return tell(
            watched,
            passage,
            how.rule ? targetOf(how.rule) : `HELD (${how.reason})`,
            how.rule,
            null,
          );
        case 'dropped':
          if (how.rule) return tell(watched, passage, targetOf(how.rule), how.rule, how.chain);
          return tell(watched, passage, how.chain ? 'DROP' : `DROP (${how.reason})`, null, how.chain);
      }
    },
  };
  // Nobody asks which rules there were on the way.
  if (!withHits) {
    observer.keep = (passage): Kept | null => {
      const watched = of(passage);
      return watched && { decider: watched.decider, chain: watched.chain, translated: watched.translated };
    };
    observer.again = (passage, kept): void => {
      const watched = of(passage);
      if (!watched) return;
      ({ translated: watched.translated } = kept as Kept);
      const { decider, chain } = kept as Kept;
      tell(watched, passage, 'ACCEPT', decider, chain);
    };
    // The addresses that it left with are those of a passage.
    if (!withAddresses)
      observer.passed = (frame, kept): void => {
        lastFrame = frame;
        passed.frame = frame;
        ({ decider: passed.decider, chain: passed.chain } = kept as Kept);
        ended(frame, passed, true);
      };
  } else
    // Rules that write addresses and ports themselves translate, too.
    observer.change = (field, _from, _to, _rule, passage): void => {
      const watched = of(passage);
      if (watched && TRANSLATED.has(field)) watched.translated = true;
    };
  return { observer, hits: (passage) => of(passage)?.hits ?? [] };
}

const TRANSLATED: ReadonlySet<string> = new Set([
  'ip.source',
  'ip.destination',
  'sourcePort',
  'destinationPort',
]);

/** The name of the target that ended the packet's way. */
function targetOf(rule: Rule): string {
  const last = rule.steps[rule.steps.length - 1];
  return last.kind === 'target' ? last.definition.name : 'DROP';
}

function endpointsText({ packet }: Passage): string {
  const ported = packet.hasTransport && hasPorts(packet.protocol);
  const end = (which: 'source' | 'destination'): string => {
    const address = addressText(packet, which);
    if (!ported) return address;
    const port = which === 'source' ? packet.sourcePort : packet.destinationPort;
    return `${packet.version === 6 ? `[${address}]` : address}:${port}`;
  };
  return `${end('source')} > ${end('destination')}`;
}
