import type { Comparison, Difference } from '../compare/result.js';

/**
 * Tells the host's lines of packets before the first one that was captured: close enough to it to be held against the
 * capture, and yet before it, as sure as the clocks are.
 */
export function isBeforeCapture({ clocks }: Pick<Comparison, 'clocks'>): (difference: Difference) => boolean {
  const off = clocks.map(({ fit, resolution }) => (fit ? fit.uncertainty + resolution : Infinity));
  const edge = 2 * Math.max(0, ...off);
  return ({ kind, time }) => kind === 'onlyHost' && time < -edge;
}
