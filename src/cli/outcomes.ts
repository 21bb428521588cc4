import type { Observer } from '../engine/observer.js';
import type { Passage } from '../engine/passage.js';
import { addressText } from '../packet/addresses.js';
import { hasPorts } from '../packet/rewrite.js';
import { type Chain, type Rule, ruleAddress } from '../rules/model.js';
import { policyAddress } from './ruleRows.js';
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

interface Watched {
  readonly frame: number;
  readonly isFirst: boolean;
  readonly hits: Rule[];
  rule: Rule | null;
  chain: Chain | null;
  translated: boolean;
}

/**
 * @param ended is told of each packet; `isFirst` is false for what the host made in answer to a frame, and for what came in
 *   again through lo
 * @param withHits whether `hits` will be asked: it costs a look at every rule
 */
export function watchOutcomes(
  ended: (frame: number, outcome: PacketOutcome, isFirst: boolean) => void,
  withHits: boolean,
): OutcomeWatch {
  const underWay = new WeakMap<Passage, Watched>();
  const addresses = new Map<Rule, string>();
  const addressOf = (rule: Rule): string => {
    let address = addresses.get(rule);
    if (address === undefined) addresses.set(rule, (address = ruleAddress(rule)));
    return address;
  };
  let lastFrame = 0;
  const observer: Observer = {
    packet(passage) {
      const { frame } = passage.packet;
      underWay.set(passage, {
        frame,
        isFirst: frame !== lastFrame,
        hits: [],
        rule: null,
        chain: null,
        translated: false,
      });
      lastFrame = frame;
    },
    hook: () => undefined,
    enter: () => undefined,
    skip: () => undefined,
    route: () => undefined,
    misses: () => false,
    watches: () => withHits,
    rule(rule, outcome, _conditions, passage) {
      if (outcome === Outcome.hit) underWay.get(passage)?.hits.push(rule);
    },
    verdict(rule, chain, _verdict, passage) {
      const watched = underWay.get(passage);
      if (!watched || (rule === null && chain.base === null)) return;
      // What accepted it is told by the tables that are there to decide; the others let everything pass by default.
      if (chain.table.name !== 'filter' && watched.chain) return;
      watched.rule = rule;
      watched.chain = chain;
    },
    change(field, _from, _to, _rule, passage) {
      const watched = underWay.get(passage);
      if (watched && TRANSLATED.has(field)) watched.translated = true;
    },
    end(passage, how) {
      const watched = underWay.get(passage);
      if (!watched) return;
      underWay.delete(passage);
      const nat = watched.translated ? endpointsText(passage) : '';
      const tell = (verdict: string, rule: Rule | null, chain: Chain | null): void => {
        const by = rule ? addressOf(rule) : chain ? policyAddress(chain) : '';
        ended(watched.frame, { verdict, rule: by, nat }, watched.isFirst);
      };
      switch (how.kind) {
        case 'delivered':
        case 'sent':
          return tell('ACCEPT', watched.rule, watched.chain);
        case 'held':
          return tell(how.rule ? targetOf(how.rule) : `HELD (${how.reason})`, how.rule, null);
        case 'dropped':
          if (how.rule) return tell(targetOf(how.rule), how.rule, how.chain);
          return tell(how.chain ? 'DROP' : `DROP (${how.reason})`, null, how.chain);
      }
    },
  };
  return { observer, hits: (passage) => underWay.get(passage)?.hits ?? [] };
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
