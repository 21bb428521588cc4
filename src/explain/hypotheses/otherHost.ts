import { Assumptions } from '../../host/assumptions.js';
import { type Host, type HostParts, makeHost } from '../../host/host.js';

/** The host with some of its parts otherwise. */
export function otherwise(host: Host, change: Partial<HostParts>): Host {
  return makeHost({ ...host.parts, ...change, assumptions: new Assumptions() });
}
