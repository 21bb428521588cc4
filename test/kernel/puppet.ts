import { createInterface } from 'node:readline';
import type { Namespace, startInside } from '../../src/lab/children.js';

/** What a puppet is told to do; what it answers stands beside. */
interface Deeds {
  /** Waits for connections; at any port where that is 0. */
  listen: { readonly as: string; readonly address: string; readonly port: number };
  /** Takes the next connection, and the place that listened is gone. */
  accept: { readonly as: string };
  connect: { readonly as: string; readonly address: string; readonly port: number; readonly from?: string };
  say: { readonly as: string; readonly text: string };
  /** One line, without its end. */
  hear: { readonly as: string };
  /** What the other side sends until it closes. */
  drain: { readonly as: string };
  close: { readonly as: string };
}

interface Answer {
  readonly port?: number;
  readonly text?: string;
  readonly failed?: string;
}

/** A process in a namespace that has sockets there, and does with them what it is told. */
export interface Puppet {
  do<Deed extends keyof Deeds>(deed: Deed, how: Deeds[Deed]): Promise<Answer>;
}

export async function startPuppet(inside: typeof startInside, namespace: Namespace): Promise<Puppet> {
  const { child } = await inside(namespace, process.execPath, '-e', `(${strings.toString()})()`);
  child.stderr.pipe(process.stderr);
  const waiting: ((line: string) => void)[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(line));
  return {
    async do(deed, how) {
      const line = await new Promise<string>((resolve) => {
        waiting.push(resolve);
        child.stdin.write(`${JSON.stringify({ deed, ...how })}\n`);
      });
      const answer = JSON.parse(line) as Answer;
      if (answer.failed !== undefined) throw new Error(`${deed} ${JSON.stringify(how)}: ${answer.failed}`);
      return answer;
    },
  };
}

/** Runs by itself in the other process, so it uses nothing of this file. */
function strings(): void {
  const net = process.getBuiltinModule('node:net');
  const PATIENCE = 3000;
  const servers = new Map<string, import('node:net').Server>();
  const comers = new Map<string, import('node:net').Socket[]>();
  const sockets = new Map<string, { socket: import('node:net').Socket; heard: string; ended: boolean }>();
  const keep = (as: string, socket: import('node:net').Socket): void => {
    const one = { socket, heard: '', ended: false };
    socket.setNoDelay(true).on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => (one.heard += bytes.toString('latin1')));
    socket.on('end', () => (one.ended = true));
    sockets.set(as, one);
  };
  const when = async (is: () => boolean): Promise<void> => {
    for (const end = Date.now() + PATIENCE; !is(); await new Promise((done) => setTimeout(done, 1)))
      if (Date.now() > end) throw new Error('nothing came');
  };
  type Order = { deed: string; as: string; address: string; port: number; from?: string; text: string };
  const perform = async ({ deed, as, address, port, from, text }: Order): Promise<Answer> => {
    const one = sockets.get(as);
    switch (deed) {
      case 'listen': {
        // Both ends are told when they may go on: a half-closed connection is not closed by itself.
        const server = net.createServer({ allowHalfOpen: true }, (s) => comers.get(as)?.push(s));
        servers.set(as, server);
        comers.set(as, []);
        await new Promise((done, fail) => server.on('error', fail).listen(port, address, () => done(null)));
        return { port: (server.address() as import('node:net').AddressInfo).port };
      }
      case 'accept': {
        await when(() => (comers.get(as) ?? []).length > 0);
        const socket = comers.get(as)?.shift();
        if (socket) keep(as, socket);
        servers.get(as)?.close();
        return {};
      }
      case 'connect': {
        const socket = net.connect({ host: address, port, localAddress: from, allowHalfOpen: true });
        const timer = setTimeout(() => socket.destroy(new Error('nobody answered')), PATIENCE);
        await new Promise((done, fail) => socket.on('connect', () => done(null)).on('error', fail));
        clearTimeout(timer);
        keep(as, socket);
        return { port: socket.localPort };
      }
      case 'say':
        one?.socket.write(text, 'latin1');
        return {};
      case 'hear': {
        await when(() => one?.heard.includes('\n') ?? false);
        const end = one!.heard.indexOf('\n');
        const line = one!.heard.slice(0, end).replace(/\r$/, '');
        one!.heard = one!.heard.slice(end + 1);
        return { text: line };
      }
      case 'drain':
        await when(() => one?.ended ?? false);
        return { text: one?.heard };
      default:
        one?.socket.end();
        return {};
    }
  };
  let turn = Promise.resolve();
  let rest = '';
  process.stdin.on('data', (bytes) => {
    const lines = (rest + bytes.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines)
      turn = turn
        .then(() => perform(JSON.parse(line) as Order))
        .catch((error: unknown) => ({ failed: String(error) }))
        .then((answer) => void process.stdout.write(`${JSON.stringify(answer)}\n`));
  });
}
