import type { CaptureError } from '../../capture/frame.js';
import { Tap } from '../../capture/tap.js';
import { type Noted, Share } from '../../engine/share/share.js';
import { Translated } from '../../engine/share/translated.js';
import type { LogRow } from '../../report/tables.js';
import { runReplay } from '../../run.js';
import type { Inputs } from '../inputs.js';
import { watchOutcomes } from '../outcomes.js';
import { logRow } from '../simulate.js';

/** So many of a kind, and the first frame that was one. */
export interface Kind {
  readonly what: string;
  readonly first: number;
  count: number;
}

/** What one share of a capture's connections came to, as it can be sent from thread to thread. */
export interface Part {
  readonly counts: Readonly<Record<CountName, number>>;
  readonly skipped: readonly Kind[];
  readonly verdicts: readonly Kind[];
  readonly answers: number;
  readonly lines: { readonly count: number; readonly doubtful: number };
  /** The predicted lines; empty where nobody wants them. */
  readonly rows: readonly LogRow[];
  /** Packets and bytes of each chain's policy and rules, in the order of the program. */
  readonly counted: Float64Array;
  readonly connections: number;
  readonly assumptions: readonly {
    readonly subject: string;
    readonly text: string;
    readonly mattered: boolean;
    readonly at: number;
  }[];
  readonly noted: Noted;
  readonly errors: readonly CaptureError[];
}

export const COUNTS = [
  ...(['frames', 'received', 'sent', 'accounted', 'copies', 'unexplained', 'assumed', 'undecided'] as const),
];
type CountName = (typeof COUNTS)[number];

/** A share that has run, but for what hangs on when the others have. */
export interface Ran {
  /** Why the connections cannot be told apart; null: they can. */
  readonly refusal: string | null;
  /** Its last packet: the number of its frame, and ns since capture start. */
  readonly last: { readonly frame: number; readonly time: number };
  /** @param now time of the last packet of all shares */
  finish(now: number): Part;
}

export interface PartOptions {
  readonly seed?: number;
  readonly keepsLines: boolean;
  /** Is told how many frames were read, now and then. */
  readonly progress?: (frames: number) => void;
}

/** Runs one share of the connections. @param started is given the share before it runs, for who may want to stop it */
export async function runPart(
  { given, captures }: Inputs,
  index: number,
  count: number,
  options: PartOptions,
  started: (share: Share) => void = () => undefined,
): Promise<Ran> {
  const share = new Share(index, count, Translated.of(given.ruleset, given.host));
  started(share);
  const { source } = captures;
  const verdicts = new Map<string, Kind>();
  let answers = 0;
  const watch = watchOutcomes(
    (frame, { verdict }, isFirst) => {
      if (isFirst) add(verdicts, verdict, frame);
      else answers++;
    },
    false,
    false,
  );
  const lines = { count: 0, doubtful: 0 };
  const rows: LogRow[] = [];
  let frames = 0;
  const tapped = new Tap(
    source,
    () => frames++,
    () => Promise.resolve(options.progress?.(frames)),
  );
  const { replay } = await runReplay(tapped, given, {
    observer: watch.observer,
    sinks: {
      line(line) {
        lines.count++;
        if (line.doubt !== null) lines.doubtful++;
        if (options.keepsLines) rows.push(logRow(line));
      },
    },
    keepsLines: false,
    seed: options.seed,
    share,
  });
  if (replay.kernel.mostFragments * count > MOST_FRAGMENTS)
    share.refuse('so many datagrams wait for their fragments that they share a limit');
  return {
    refusal: share.refusal,
    last: { frame: replay.lastFrame, time: replay.lastTime },
    finish(now) {
      const { kernel, counts } = replay;
      kernel.tracker.table.collect(now);
      const counted: number[] = [];
      for (const chain of kernel.program.chains) {
        counted.push(chain.policyPackets, chain.policyBytes);
        for (const rule of chain.rules) counted.push(rule.packets, rule.bytes);
      }
      return {
        counts: Object.fromEntries(COUNTS.map((name) => [name, counts[name]])) as Part['counts'],
        skipped: [...counts.skipped].map(([what, count]) => ({
          what,
          count,
          first: replay.firstSkipped.get(what) ?? 0,
        })),
        verdicts: [...verdicts.values()],
        answers,
        lines,
        rows,
        counted: Float64Array.from(counted),
        connections: kernel.tracker.table.size,
        assumptions: given.host.assumptions.recorded,
        noted: share.noted,
        errors: source.errors,
      };
    },
  };
}

/** Datagrams that wait at once, in all shares together: well below where the oldest are given up. */
const MOST_FRAGMENTS = 4096;

function add(kinds: Map<string, Kind>, what: string, first: number): void {
  const known = kinds.get(what);
  if (known) known.count++;
  else kinds.set(what, { what, first, count: 1 });
}
