import { ftp } from './ftp.js';
import type { Helper } from './helper.js';
import { tftp } from './tftp.js';

const HELPERS: readonly Helper[] = [ftp, tftp];

/** The helper of this name for this transport protocol; undefined: its payload is not read here. */
export function helperFor(name: string, protocol: number): Helper | undefined {
  for (const helper of HELPERS) if (helper.name === name && helper.protocol === protocol) return helper;
  return undefined;
}
