import type { Comparison, Difference } from '../compare/result.js';

/** ns by which the lines of one packet may be spread: a clock that goes by the last of them puts the first before it. */
const SPREAD = 1e6;

/**
 * Tells the host's lines of packets before the first one that was captured: close enough to it to be held against the
 * capture, and yet before it, as sure as the clocks are.
 */
export function isBeforeCapture({ clocks }: Pick<Comparison, 'clocks'>): (difference: Difference) => boolean {
  const off = clocks.map(({ fit, resolution }) => (fit ? fit.uncertainty + resolution : Infinity));
  const edge = SPREAD + 2 * Math.max(0, ...off);
  return ({ kind, time }) => kind === 'onlyHost' && time < -edge;
}
