import { IpAddress } from '../../../address/ip.js';
import { Protocol } from '../../../packet/numbers.js';
import { payloadOffset } from '../../../packet/payload.js';
import { CtState, CtStatus, Direction, Tuple } from '../../../rules/connection.js';
import { Verdict } from '../../../rules/verdict.js';
import type { ConnectionEntry } from '../entry.js';
import type { Helper, HelperHost } from './helper.js';
import { type DccOffer, readDcc } from './dcc.js';

/** A client tells another one, by way of the server, where it listens: net/netfilter/nf_conntrack_irc.c. */
export const irc: Helper = {
  name: 'irc',
  protocol: Protocol.tcp,
  most: 8,
  seconds: 300,
  help({ packet, state, direction }, entry, host) {
    if (direction === Direction.reply || state !== CtState.established || packet.version !== 4)
      return Verdict.accept;
    const payload = host.payload();
    if (!payload) return Verdict.accept;
    // It listens where it is, or where it is seen to be.
    const own = [entry.original.source, entry.reply.destination];
    const isOwn = (address: IpAddress): boolean => own.some((one) => one.equals(address));
    const offer = readDcc(payload, isOwn);
    return offer ? expectOffered(offer, entry, payloadOffset(packet), host) : Verdict.accept;
  },
  undo(payload, _, entry, direction) {
    if (direction === Direction.reply) return null;
    const offer = readDcc(payload, (address) => address.equals(entry.reply.destination));
    return offer && { ...offer, text: `${entry.original.source.a >>> 0} ${offer.port}` };
  },
};

function expectOffered(offer: DccOffer, entry: ConnectionEntry, payload: number, host: HelperHost): Verdict {
  const { port, from, to } = offer;
  const tuple = new Tuple();
  tuple.version = 4;
  tuple.protocol = Protocol.tcp;
  tuple.destination = entry.reply.destination;
  tuple.destinationPort = port;
  if (!entry.has(CtStatus.srcNat | CtStatus.dstNat))
    return host.expect({ tuple, anySource: true }) ? Verdict.accept : host.refuse('cannot add expectation');
  const follow = { direction: Direction.reply, port };
  const chosen = host.expectAtFreePort(
    { tuple, anySource: true, follow },
    (bytes) => readDcc(bytes, (address) => address.equals(tuple.destination))?.port ?? null,
  );
  if (chosen === 0) return host.refuse('all ports in use');
  const text = `${tuple.destination.a >>> 0} ${chosen}`;
  return host.mangle(payload + from, payload + to, text)
    ? Verdict.accept
    : host.refuse('cannot mangle packet');
}
