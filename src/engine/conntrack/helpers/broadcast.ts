import { Protocol } from '../../../packet/numbers.js';
import { Direction } from '../../../rules/connection.js';
import { Verdict } from '../../../rules/verdict.js';
import { type Helper, lastFor } from './helper.js';

/** A host that asks everybody on a link is answered by each from the same port: net/netfilter/nf_conntrack_broadcast.c. */
function broadcast(name: string, port: number, seconds: number): Helper {
  return {
    name,
    protocol: Protocol.udp,
    most: 1,
    seconds,
    help({ route, direction, isOwn }, entry, host) {
      if (!isOwn || route?.type !== 'broadcast' || direction !== Direction.original) return Verdict.accept;
      const wanted = entry.tuple(Direction.reply).copy();
      const mask = route.device ? host.broadcastMask(route.device) : 0;
      if (mask === 0) return Verdict.accept;
      wanted.sourcePort = port;
      const from = { s0: mask, s1: 0, s2: 0, s3: 0, port: true };
      host.expect({ tuple: wanted, from, permanent: true });
      lastFor(entry, host.now, seconds);
      return Verdict.accept;
    },
  };
}

/** RFC 1002, section 4.2: name queries. */
export const netbiosNs = broadcast('netbios-ns', 137, 3);
/** RFC 3417: requests to agents. */
export const snmp = broadcast('snmp', 161, 30);
