import type { Constant, Expression } from './model.js';

/** Whether no packet is needed to know its value. */
export function isConstant(expression: Expression): expression is Constant {
  switch (expression.kind) {
    case 'integer':
    case 'address':
    case 'bytes':
    case 'string':
    case 'boolean':
    case 'verdict':
    case 'prefix':
    case 'range':
    case 'wildcard':
      return true;
    case 'concat':
      return expression.parts.every(isConstant);
    default:
      return false;
  }
}
