import type { Observer } from '../../engine/observer.js';
import type { Passage } from '../../engine/passage.js';
import { type PacketWalk, recordWalk, type WalkRecorder } from './packetWalk.js';

export interface WalksRecorder extends Observer {
  /** In the order in which the frames were given. */
  walks(): Iterable<PacketWalk>;
}

/** Writes down the ways of several packets in one replay, as `recordWalk` does for one. */
export function recordWalks(frames: Iterable<number>): WalksRecorder {
  const recorders = new Map<number, WalkRecorder>();
  for (const frame of frames) recorders.set(frame, recordWalk(frame));
  const of = (passage: Passage): WalkRecorder | undefined => recorders.get(passage.packet.frame);
  return {
    packet: (passage, how) => of(passage)?.packet(passage, how),
    hook: (hook, passage) => of(passage)?.hook(hook, passage),
    enter: (chain, by, passage) => of(passage)?.enter(chain, by, passage),
    skip: (chain, reason, passage) => of(passage)?.skip(chain, reason, passage),
    watches: (rule, passage) => of(passage)?.watches?.(rule, passage) ?? false,
    rule: (rule, outcome, conditions, passage) => of(passage)?.rule(rule, outcome, conditions, passage),
    verdict: (rule, chain, verdict, passage) => of(passage)?.verdict(rule, chain, verdict, passage),
    change: (field, from, to, rule, passage) => of(passage)?.change?.(field, from, to, rule, passage),
    route: (decision, passage) => of(passage)?.route(decision, passage),
    tells: (what, passage) => of(passage)?.tells?.(what, passage),
    end: (passage, how) => of(passage)?.end(passage, how),
    *walks() {
      for (const recorder of recorders.values()) yield recorder.walk();
    },
  };
}
