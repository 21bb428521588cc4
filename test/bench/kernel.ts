import { execFileSync, spawnSync } from 'node:child_process';
import type { Rules } from './rulesets.js';
import { GATEWAY, INSIDE, OUTSIDE, type Side } from './topology.js';

/** What this machine's own kernel did with the frames of a capture. */
export interface KernelRun {
  /** Frames sent into the router. */
  readonly frames: number;
  /** Packets that left it. */
  readonly forwarded: number;
  /** ns that one packet took, sending it not counted. */
  readonly perPacket: number;
}

const TOOLS = ['ip', 'python3', 'iptables-legacy-restore', 'ipset', 'nft'];

/** Why the kernel cannot be asked here; null: it can. */
export function missingForKernel(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = TOOLS.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  return missing.length > 0 ? `needs ${missing.join(', ')}` : null;
}

/**
 * Sends the incoming frames of a capture into a router of the same addresses and rules, in network namespaces of its own.
 * What sending takes is measured apart, with frames for another MAC, which the kernel drops where they come in.
 * @param seconds of sending, at most
 */
export function measureKernel(capture: string, rules: Rules, seconds: number): KernelRun {
  const router = `nfr-bench-${process.pid}r`;
  const peer = `nfr-bench-${process.pid}p`;
  const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
  const inRouter = (command: string[], input?: string): void => {
    execFileSync('ip', ['netns', 'exec', router, ...command], {
      input,
      maxBuffer: 1 << 28,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
  };
  const arrived = (): number =>
    [0, 1]
      .map((n) => ip('-n', peer, '-j', '-s', 'link', 'show', `p${n}`))
      .map((text) => (JSON.parse(text) as [{ stats64: { rx: { packets: number } } }])[0].stats64.rx.packets)
      .reduce((a, b) => a + b, 0);
  const send = (macs: readonly string[]): { frames: number; seconds: number } => {
    const devices = [OUTSIDE, INSIDE].map((side, n) => `${side.index}=p${n}=${macs[n]}`);
    const text = execFileSync(
      'ip',
      ['netns', 'exec', peer, 'python3', 'test/bench/send.py', capture, String(seconds), ...devices],
      { encoding: 'utf8' },
    );
    const [frames, took] = text.split(' ').map(Number);
    return { frames, seconds: took };
  };

  try {
    for (const name of [router, peer]) {
      ip('netns', 'add', name);
      execFileSync('ip', [
        'netns',
        'exec',
        name,
        'sh',
        '-c',
        'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; ip link set lo up',
      ]);
    }
    [OUTSIDE, INSIDE].forEach((side, n) => link(side, `p${n}`));
    ip('-n', router, 'route', 'add', 'default', 'via', GATEWAY, 'dev', OUTSIDE.name);
    inRouter(['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
    load(rules);
    send([OUTSIDE.mac, INSIDE.mac]);
    const alone = send(['02:00:00:00:aa:01', '02:00:00:00:aa:02']);
    const before = arrived();
    const start = performance.now();
    const { frames, seconds: took } = send([OUTSIDE.mac, INSIDE.mac]);
    let count = arrived();
    // What is still on its way in the kernel's queues.
    for (let last = -1; count !== last && performance.now() - start < 1e4;) {
      last = count;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      count = arrived();
    }
    const sending = alone.seconds / alone.frames;
    return { frames, forwarded: count - before, perPacket: (took / frames - sending) * 1e9 };
  } finally {
    for (const name of [router, peer]) spawnSync('ip', ['netns', 'del', name]);
  }

  function link({ name, mac, peerMac, address, prefix }: Side, end: string): void {
    ip(
      '-n',
      router,
      'link',
      'add',
      name,
      'address',
      mac,
      'type',
      'veth',
      'peer',
      'name',
      end,
      'address',
      peerMac,
      'netns',
      peer,
    );
    ip('-n', router, 'addr', 'add', `${address}/${prefix}`, 'dev', name);
    // Nobody answers: addresses are not asked for.
    for (const [ns, device] of [
      [router, name],
      [peer, end],
    ])
      ip('-n', ns, 'link', 'set', device, 'arp', 'off', 'multicast', 'off', 'up');
  }

  function load(rules: Rules): void {
    const { 'ipset-save.txt': sets, 'iptables-save.txt': save, 'nft-ruleset.nft': nft } = rules;
    if (sets) inRouter(['ipset', 'restore'], sets);
    if (save) inRouter(['iptables-legacy-restore'], save);
    if (nft) inRouter(['nft', '-f', '-'], nft);
  }
}
