import { u8 } from '../../../packet/bytes.js';
import { Protocol } from '../../../packet/numbers.js';
import type { Packet } from '../../../packet/packet.js';
import { Tcp, TcpFlag } from '../../../packet/transport.js';
import type { Context } from '../../context.js';
import { proxy } from '../../targets/synproxy.js';
import { Verdict } from '../../verdict.js';
import type { Socket, SynProxyValues, TransparentProxy } from '../model.js';
import { type Lookup, reader } from './expression.js';
import { Flow, type RunningStatement, type StatementResult } from './result.js';
import { type Read, toAddress } from './value.js';

/** `nft_socket_eval()` (net/netfilter/nft_socket.c): without a socket the rule ends. */
export function readSocket({ key }: Socket, packet: Packet, context: Context): Read {
  const found = context.socket(packet);
  if (found === undefined) return null;
  if (!found) return undefined;
  switch (key) {
    case 'transparent':
      return found.transparent ? 1 : 0;
    case 'wildcard':
      return typeof found.wildcard === 'boolean' ? Number(found.wildcard) : found.wildcard;
    default:
      // The mark and the control group of a full socket are in no listing.
      return found.wildcard === undefined ? undefined : null;
  }
}

/**
 * `nft_tproxy_eval()` (net/netfilter/nft_tproxy.c), where the proxy listens; where nobody told that it does, it is noted.
 * The rule goes on behind it, and ends where no proxy is.
 */
export function transparentProxy(statement: TransparentProxy, lookup: Lookup): RunningStatement {
  const readAddress = statement.address && reader(statement.address, lookup);
  const readPort = statement.port && reader(statement.port, lookup);
  const version = statement.family === null ? null : statement.family === 'ip' ? 4 : 6;
  return {
    statement,
    run(packet, context): StatementResult {
      const { protocol } = packet;
      if ((protocol !== Protocol.tcp && protocol !== Protocol.udp) || !packet.hasTransport) return Flow.break;
      if (version !== null && version !== packet.version) return Flow.break;
      const address = readAddress?.(packet, context);
      const port = readPort?.(packet, context);
      if ((readAddress && address === undefined) || (readPort && port === undefined)) return Flow.break;
      const to = typeof address === 'number' || typeof address === 'bigint' ? toAddress(address) : null;
      const at = port === undefined || port === null ? null : Number(port);
      if (context.divert?.(packet, to, at) === false) return Flow.break;
      const on = [to?.toString(), port === undefined || port === null ? null : `port ${String(port)}`];
      context.note(`tproxy to ${on.filter(Boolean).join(' ')}, taken to be listening`);
      return Flow.continue;
    },
  };
}

/** `nft_synproxy_do_eval()` (net/netfilter/nft_synproxy.c): beside SYN and ACK it looks at no flags. */
export function synproxy({ sackPerm, timestamp, wscale, mss }: SynProxyValues): RunningStatement['run'] {
  const offer = { sackPermitted: sackPerm, timestamps: timestamp, windowScale: wscale, mss, ecn: false };
  return (packet, context) => {
    if (packet.protocol !== Protocol.tcp) return Flow.break;
    const flags = u8(packet.data, packet.transport + Tcp.flags);
    const kind = flags & TcpFlag.syn ? 'syn' : flags & TcpFlag.ack ? 'ack' : null;
    const verdict = proxy(offer, packet, kind, context);
    return verdict === Verdict.continue ? Flow.continue : verdict;
  };
}
