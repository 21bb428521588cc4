import type { Position } from '../../source/text.js';
import type { Node } from './syntax.js';

/** The line that a piece of a script begins in; 1 where nothing in it says so. */
export function lineOf(node: Node): number {
  if ('position' in node) return node.position.line;
  if (node.kind === 'group' && node.body.length > 0) return lineOf(node.body[0]);
  return 1;
}

/** Where a piece of a script begins, null where nothing in it says so. */
export function positionOf(node: Node): Position | null {
  if ('position' in node) return node.position;
  if (node.kind === 'pipeline') return positionOf(node.parts[0]);
  if (node.kind === 'and-or') return positionOf(node.first);
  return node.kind === 'group' && node.body.length > 0 ? positionOf(node.body[0]) : null;
}
