import type { Finding } from '../../../src/explain/finding.js';
import type { Contents, Recording } from '../diagnosis.js';
import type { Random } from '../random.js';

/** A recording of which something is otherwise, and what is to be said of it. */
export interface Disturbance {
  /** What was done. */
  readonly what: string;
  readonly contents: Contents;
  /** The finding names it as what it is. */
  readonly isNamed: (finding: Finding) => boolean;
}

/** null: the recording has nothing of the kind. */
export type Disturb = (recording: Recording, random: Random) => Disturbance | null;
