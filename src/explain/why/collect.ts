import type { Observer } from '../../engine/observer.js';
import type { Passage } from '../../engine/passage.js';
import { Direction } from '../../rules/connection.js';
import type { Chain, Rule, Ruleset } from '../../rules/model.js';
import { Outcome, Verdict } from '../../rules/verdict.js';
import { Approach } from './absence.js';
import { packetNote } from '../describe.js';
import { Failures, Openings } from './failures.js';
import { waysTo } from '../reach.js';
import type { Away, AwayReason, PacketNote, RuleEvidence } from '../result.js';
import { Setters } from './setters.js';
import { Histogram, Tally } from './tally.js';
import { type Trip, Trips } from './trip.js';

/** A rule, or (`rule` null) the policy of a base chain. */
export interface Target {
  readonly chain: Chain;
  readonly rule: Rule | null;
}

/** Reasons that are told apart; conditions of jumps may see any number of values. */
const MOST_REASONS = 200;
const MOST_CONNECTIONS = 100_000;
const MOST_MATCHES = 12;

export interface Collector extends Observer {
  /** What was seen up to now. */
  evidence(): RuleEvidence;
}

interface Visit extends Trip {
  readonly approach: Approach;
  /** The packet as it set out. */
  readonly note: PacketNote;
  came: boolean;
}

/** Watches what the packets of a replay do at one rule. What it keeps does not grow with the capture. */
export function collect(target: Target, ruleset: Ruleset): Collector {
  const setters = new Setters(target.rule, ruleset);
  const ways = waysTo(target.chain);
  const version = target.chain.table.family === 'ip' ? 4 : target.chain.table.family === 'ip6' ? 6 : null;
  const trips = new Trips();
  const visits = new WeakMap<Passage, Visit>();
  const openings = new Openings();
  const failures = new Failures(openings);
  const away = new Histogram<{ reason: AwayReason; tally: Tally }>(MOST_REASONS);
  const connections = new Set<string>();
  const matches: PacketNote[] = [];
  const directions = { original: 0, reply: 0 };
  let packets = 0;
  let reached = 0;
  let matched = 0;
  let awayTotal = 0;

  function hit(passage: Passage): void {
    matched++;
    if (matches.length < MOST_MATCHES) matches.push(packetNote(passage.packet));
    const { connection } = passage;
    if (!connection) return;
    // By its ends: what is dropped before it is confirmed is another entry each time.
    const { original: t } = connection;
    if (connections.size < MOST_CONNECTIONS)
      connections.add([t.protocol, t.source, t.sourcePort, t.destination, t.destinationPort].join(' '));
    directions[passage.direction === Direction.reply ? 'reply' : 'original']++;
  }

  return {
    packet(passage, how) {
      const trip = trips.start(passage, how);
      if (version !== null && passage.packet.version !== version) return;
      packets++;
      const note = packetNote(passage.packet);
      visits.set(passage, Object.assign(trip, { approach: new Approach(ways, trip), note, came: false }));
    },
    hook: (hook, passage) => trips.hook(hook, passage),
    enter: (chain, by, passage) => visits.get(passage)?.approach.enter(chain, by),
    skip: (chain, reason, passage) => visits.get(passage)?.approach.skip(chain, reason),
    watches: (rule) => rule === target.rule || ways.gates.has(rule) || setters.has(rule),
    rule(rule, outcome, conditions, passage) {
      const visit = visits.get(passage);
      if (!visit) return;
      setters.tried(rule, outcome);
      if (rule !== target.rule) return visit.approach.gate(rule, outcome, conditions);
      reached++;
      visit.came = true;
      openings.note(passage);
      if (outcome === Outcome.hit) hit(passage);
      else failures.add(conditions, visit);
      // A rule may jump to what leads to it again.
      if (ways.gates.has(rule)) visit.approach.gate(rule, outcome, conditions);
    },
    verdict(rule, chain, verdict, passage) {
      const visit = visits.get(passage);
      if (!visit) return;
      if (rule === null && target.rule === null && chain === target.chain && verdict !== Verdict.return) {
        reached++;
        visit.came = true;
        hit(passage);
      } else visit.approach.verdict(rule, chain, verdict);
    },
    change: (field, from, to, rule, passage) => trips.change(field, from, to, rule, passage),
    route: (decision, passage) => trips.route(decision, passage),
    end(passage, how) {
      trips.end(passage);
      openings.note(passage);
      const visit = visits.get(passage);
      visits.delete(passage);
      if (!visit || visit.came) return;
      awayTotal++;
      const reason = visit.approach.reason(how);
      away.at(keyOf(reason), () => ({ reason, tally: new Tally() }))?.tally.add(visit.note);
    },
    evidence: () => ({
      packets,
      reached,
      matched,
      matchedDirections: { ...directions },
      connections: connections.size,
      matches: [...matches],
      failed: failures.result(),
      away: away
        .values()
        .map(({ reason, tally }): Away => ({ ...reason, count: tally.count, examples: tally.examples }))
        .sort((a, b) => b.count - a.count),
      awayTotal,
      setters: setters.result(),
    }),
  };
}

function keyOf(reason: AwayReason): string {
  switch (reason.kind) {
    case 'other-hook':
      return `hook ${reason.how} ${reason.path.join()} ${reason.route} ${reason.loopback}`;
    case 'skipped':
      return `skipped ${reason.chain} ${reason.reason}`;
    case 'jump-missed':
      return `missed ${reason.rule.address} ${reason.name} ${reason.wanted} ${reason.saw}`;
    case 'decided':
      return `decided ${reason.rule.address} ${reason.verdict} ${reason.hook}`;
    case 'returned':
      return `returned ${reason.rule.address}`;
    case 'went-elsewhere':
      return `went ${reason.rule.address} ${reason.chain}`;
    case 'lost':
      return `lost ${reason.reason}`;
  }
}
