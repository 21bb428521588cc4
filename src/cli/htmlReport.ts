import type { RememberedFrames } from '../capture/remember.js';
import { recordWalks, type WalksRecorder } from '../explain/walks/packetWalks.js';
import type { Given } from '../given.js';
import type { Contents } from '../report/html/contents.js';
import { packetPieces, pageHtml } from '../report/html/page.js';
import type { VerdictRow } from '../report/tables.js';
import type { IpSets } from '../rules/sets/set.js';
import { runReplay } from '../run.js';
import type { Simulated } from './simulate.js';

/** What report.html needs beside the replay. */
export interface PageInputs {
  readonly simulated: Simulated;
  readonly contents: Contents;
  readonly frames: RememberedFrames;
  readonly given: Given;
  /** The sets as they were before the replay. */
  readonly sets: () => IpSets;
  readonly seed?: number;
  /** What was given, a line each. */
  readonly about: readonly string[];
}

/** report.html, which takes the packets while the replay runs. */
export interface HtmlReport {
  packet(row: VerdictRow): void;
  finish(inputs: PageInputs): Promise<string>;
}

/** Packets of one kind (verdict, rule, translation, interface) whose way is shown without need. */
const MOST_ALIKE = 3;
const MOST_SAMPLES = 150;
/** Others, from the first on, while there is room. */
const MOST_OTHERS = 2000;
const MOST_DIFFERING = 200;
/** Rules that all recorded packets together may have been tried against, about. */
const MOST_TRIED = 150_000;
const LEAST_RECORDED = 12;

export function createHtmlReport(): HtmlReport {
  const pieces = packetPieces();
  const alike = new Map<string, number>();
  const samples: number[] = [];
  const others: number[] = [];
  return {
    packet(row) {
      pieces.push(row);
      if (row.verdict === '') return;
      const kind =
        samples.length < MOST_SAMPLES
          ? [row.verdict, row.rule, row.nat !== '', row.interface, row.direction].join('\n')
          : null;
      const seen = kind === null ? MOST_ALIKE : (alike.get(kind) ?? 0);
      if (kind !== null && seen < MOST_ALIKE) {
        alike.set(kind, seen + 1);
        samples.push(row.frame);
      } else if (others.length < MOST_OTHERS) others.push(row.frame);
    },
    async finish(inputs) {
      const { contents, simulated, about } = inputs;
      const { differences, findings } = contents.held ?? { differences: [], findings: [] };
      const differing = differences.map((d) => d.frame).filter((frame) => frame > 0);
      const shown = findings.flatMap((f) => f.evidence.map((e) => e.frame)).filter((frame) => frame > 0);
      const wanted = [...new Set([...differing, ...shown])].slice(0, MOST_DIFFERING);
      const recorder = await recordThem([...new Set([...wanted, ...samples, ...others])], inputs);
      return pageHtml({
        ...contents,
        rules: simulated.rules(),
        packets: pieces.finish(),
        walks: recorder.walks(),
        inputs: about,
      });
    },
  };
}

/** Replays once more, and writes down the ways of these frames; of fewer where there are many rules. */
async function recordThem(
  wanted: readonly number[],
  { frames, given, sets, seed, simulated }: PageInputs,
): Promise<WalksRecorder> {
  const most = Math.max(LEAST_RECORDED, Math.floor(MOST_TRIED / Math.max(1, simulated.rules().length)));
  const observer = recordWalks(wanted.slice(0, most));
  if (wanted.length > 0) await runReplay(frames.again(), { ...given, sets: sets() }, { observer, seed });
  return observer;
}
