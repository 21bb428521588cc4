import { Unusable } from '../io.js';
export async function why(): Promise<number> {
  throw new Unusable('later');
}
