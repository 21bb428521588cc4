import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Recording } from '../diagnosis.js';
import type { Disturb } from './disturbance.js';

function read({ host }: Recording, name: string): string {
  const file = join(host, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

const FORWARDING = /^(net\.ipv[46]\.(ip_forward|conf\..*\.forwarding)) = 1$/gm;

export const forwardingOff: Disturb = (recording) => {
  const sysctl = read(recording, 'sysctl.txt');
  const off = sysctl.replace(FORWARDING, '$1 = 0');
  if (off === sysctl) return null;
  return {
    what: 'forwarding off',
    contents: { 'sysctl.txt': off },
    isNamed: ({ suspect }) =>
      suspect !== null && 'sysctl' in suspect && /ip_forward$|forwarding$/.test(suspect.sysctl),
  };
};

export const elementGone: Disturb = (recording, random) => {
  const lines = read(recording, 'ipset-save.txt').split('\n');
  const elements = lines.filter((line) => line.startsWith('add '));
  if (elements.length === 0) return null;
  const gone = random.of(elements);
  const [, set] = gone.split(' ');
  return {
    what: `without ${gone}`,
    contents: { 'ipset-save.txt': lines.filter((line) => line !== gone).join('\n') },
    isNamed: ({ suspect }) => suspect !== null && 'set' in suspect && suspect.set === set,
  };
};

interface Route {
  readonly dst: string;
  readonly dev?: string;
  readonly type?: string;
  readonly table?: string;
}

const FILES = ['ip-route.json', 'ip-6-route.json'];

/** A route that is not there, or leads out of another interface. */
export const routeChanged: Disturb = (recording, random) => {
  const name = random.of(FILES.filter((file) => read(recording, file) !== ''));
  const routes = JSON.parse(read(recording, name)) as Route[];
  const own = routes.filter(
    ({ type = 'unicast', table, dev }) => type === 'unicast' && table !== 'local' && dev !== 'lo',
  );
  if (own.length === 0) return null;
  const route = random.of(own);
  const others = [...new Set(own.map(({ dev }) => dev))].filter((dev) => dev !== route.dev);
  const dev = others.length === 0 ? null : random.of([null, ...others]);
  const changed = routes.flatMap((r) =>
    r !== route ? [r] : dev === null ? [] : [{ ...r, dev, gateway: undefined, prefsrc: undefined }],
  );
  return {
    what: `${route.dst} by ${route.dev} ${dev === null ? 'not there' : `by ${dev}`}`,
    contents: { [name]: JSON.stringify(changed) },
    isNamed: (f) =>
      f.kind === 'route' &&
      [f.facts.given, f.facts.host].some((text) => text?.startsWith(route.dst) === true),
  };
};
