import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import type { RememberedFrames } from '../capture/remember.js';
import { pcapngWriter } from '../capture/write.js';
import type { Difference } from '../compare/result.js';
import { type Annotated, packetComment } from '../report/annotation.js';
import type { LogRow, VerdictRow } from '../report/tables.js';
import { drained, Unusable } from './io.js';

/** `--annotate FILE.pcapng`: takes the outcomes while the replay runs. */
export interface Annotation {
  packet(row: VerdictRow): void;
  /** Writes the captured packets again, with a comment each. A file is there only when it is whole. */
  write(
    file: string,
    frames: RememberedFrames,
    lines: readonly LogRow[],
    differences: readonly Difference[],
  ): Promise<void>;
}

export function createAnnotation(): Annotation {
  const outcomes = new Map<number, Annotated['outcome']>();
  return {
    packet: ({ frame, verdict, rule, nat, problem }) =>
      void outcomes.set(frame, { verdict, rule, nat, problem }),
    async write(file, frames, lines, differences) {
      const linesOf = byFrame(lines);
      const differencesOf = byFrame(differences);
      const beside = `${file}.part`;
      const out = createWriteStream(beside);
      const done = finished(out);
      done.catch(() => undefined);
      try {
        const pcapng = pcapngWriter('nfreplay', (block) => void out.write(block));
        const interfaces = new Map<string, number>();
        const { epoch } = frames;
        for await (const frame of frames.again().frames()) {
          const key = `${frame.linkType} ${frame.interface}`;
          let number = interfaces.get(key);
          if (number === undefined)
            interfaces.set(key, (number = pcapng.addInterface(frame.interface, frame.linkType)));
          const comment = packetComment({
            outcome: outcomes.get(frame.number) ?? null,
            lines: linesOf.get(frame.number) ?? [],
            differences: differencesOf.get(frame.number) ?? [],
          });
          pcapng.addPacket({
            interface: number,
            time: epoch + BigInt(Math.round(frame.time)),
            bytes: frame.bytes,
            originalLength: frame.originalLength,
            direction: frame.direction,
            comment: frame.comment === '' ? comment : `${frame.comment}\n${comment}`,
          });
          await drained(out);
        }
        out.end();
        await done;
        await rename(beside, file);
      } catch (error) {
        out.destroy();
        await rm(beside, { force: true });
        throw new Unusable(`cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
  };
}

function byFrame<T extends { readonly frame: number }>(list: readonly T[]): ReadonlyMap<number, T[]> {
  const found = new Map<number, T[]>();
  for (const each of list) {
    const others = found.get(each.frame);
    if (others) others.push(each);
    else found.set(each.frame, [each]);
  }
  return found;
}
