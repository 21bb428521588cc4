import { mkdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type MacAddress, parseMac } from '../address/mac.js';
import { type Child, ended, LabError, shell, startInside, until } from './children.js';
import { ethernetFrame } from './craft.js';
import { withKernelLog, type KernelMessage } from './kernelLog.js';
import { buildLab, type Lab, type LabHost, peerEnd, wiredTo } from './namespaces.js';

/** A packet that a peer sends to the host under test. */
export interface LabPacket {
  /** Time since the one before it, µs; 700 at least, so that each is done with before the next comes. */
  readonly wait: number;
  /** The host's interface that it comes in by; a bridge's first port where it is a bridge. */
  readonly interface: string;
  /** From the IP header on. */
  readonly bytes: Uint8Array;
  /** Where it is not sent to the host's own MAC. */
  readonly to?: MacAddress;
  /** Where it is not the peer's own. */
  readonly from?: MacAddress;
}

/** The same inputs for the real kernel and for the simulated one. */
export interface LabRun {
  readonly host: LabHost;
  readonly packets: readonly LabPacket[];
  /** Whether a line of the kernel's log is of this run; null: no rule logs, so the kernel's log is left alone. */
  readonly isOurs: ((line: string) => boolean) | null;
  /** Rules of nft trace packets: `nft-trace.txt` is written, too. */
  readonly traces?: boolean;
  /** Takes time for timers to fire and listeners to be told, ms. */
  readonly settle?: number;
}

/** Least time between two frames, µs. */
export const SPACING = 700;

/** What is told of a run while it goes on. */
export interface RunVoice {
  /** The host is built; what `ip` and the kernel refused of it. */
  built?(refused: readonly string[]): void;
  /** Another run has the kernel's log, by this lock. */
  waits?(lock: string): void;
}

/** Starts a program in a namespace; it is ended with the run at the latest. */
type Inside = typeof startInside;

/**
 * Gives a run to this machine's own kernel and writes what it did to `out`: `host/`, `any.pcap`, `kernel.log`,
 * `conntrack-events.txt`, `clock.json`, `after/`. @throws LabError where the lab itself fails
 */
export async function record(run: LabRun, out: string, voice: RunVoice = {}): Promise<void> {
  const lab = await buildLab(run.host);
  try {
    voice.built?.(lab.refused);
    await observe(lab, run, out, (inside) => inject(lab, run, inside), voice);
  } finally {
    await lab.close();
  }
}

/** The same of a host that is built, and of whatever is done to it. */
export async function observe(
  lab: Lab,
  { isOurs, settle, traces }: Pick<LabRun, 'isOurs' | 'settle' | 'traces'>,
  out: string,
  act: (inside: Inside) => Promise<void>,
  voice: RunVoice = {},
): Promise<void> {
  mkdirSync(join(out, 'host'), { recursive: true });
  mkdirSync(join(out, 'after'), { recursive: true });
  const children: Child[] = [];
  const inside: Inside = async (...args) => {
    const inmate = await startInside(...args);
    children.push(inmate.child);
    return inmate;
  };
  try {
    shell(SNAPSHOT, lab.host, join(out, 'host'));
    await withKernelLog(
      isOurs !== null,
      async (log) => {
        const capture = await inside(lab.host, 'tcpdump', '-i', 'any', '-n', '-U', '-Z', 'root', '--immediate-mode', '-B', '32768', '-s', '0', '--time-stamp-precision=nano', '-w', join(out, 'any.pcap'), 'not arp'); // prettier-ignore
        const events = await inside(lab.host, 'sh', '-c', 'exec stdbuf -oL conntrack -E -o timestamp > "$1"', 'sh', join(out, 'conntrack-events.txt')); // prettier-ignore
        const trace = traces
          ? await inside(lab.host, 'sh', '-c', 'exec stdbuf -oL nft monitor trace > "$1"', 'sh', join(out, 'nft-trace.txt')) // prettier-ignore
          : null;
        if (trace) shell(UNTIL_TRACED, lab.host);
        await until(capture.child, capture.child.stderr, 'listening');
        const messages: KernelMessage[] = [];
        const read = (): void => void messages.push(...(log?.read() ?? []));
        const reading = setInterval(read, 20);
        try {
          await act(inside);
          await delay(settle ?? 100);
        } finally {
          clearInterval(reading);
        }
        read();
        shell(AFTER, lab.host, join(out, 'after'));
        capture.interrupt();
        events.interrupt();
        if (trace) await written(join(out, 'nft-trace.txt'));
        trace?.interrupt();
        await Promise.all([ended(capture.child), ended(events.child), trace ? ended(trace.child) : null]);
        const ours = messages.filter((m) => isOurs?.(m.text));
        writeFileSync(join(out, 'kernel.log'), ours.map(dmesgLine).join(''));
      },
      (lock) => voice.waits?.(lock),
    );
    writeFileSync(join(out, 'clock.json'), JSON.stringify({ boot_epoch_s: bootTime() }));
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

/** Sends the packets of a run, each in its time. */
async function inject(lab: Lab, run: LabRun, inside: Inside): Promise<void> {
  const { devices, frames } = framesOf(run);
  const { child } = await inside(lab.peer, process.execPath, injectorPath(), readlinkSync('/proc/self/ns/net'), ...devices); // prettier-ignore
  await until(child, child.stderr, 'ready');
  child.stdin.end(frames);
  const status = await ended(child);
  if (status !== 0) throw new LabError(`the frames were not sent: status ${status}`);
}

/** Beside this file once it is built; the tests run from the sources and use the built one. */
function injectorPath(): string {
  return fileURLToPath(new URL('inject.js', import.meta.url)).replace(/\/src\/lab\//, '/dist/lab/');
}

/** What the injector is told: the peer's devices, and the frames in the order of their sending. */
function framesOf({ host, packets }: LabRun): { devices: string[]; frames: Buffer } {
  const devices: string[] = [];
  const parts: Buffer[] = [];
  for (const packet of packets) {
    const wire = wiredTo(host, packet.interface);
    const mac = host.interfaces.find((i) => i.name === packet.interface)?.mac;
    if (!wire || !mac) throw new LabError(`nothing can be sent to ${packet.interface}`);
    const end = peerEnd(host, wire);
    if (!devices.includes(end)) devices.push(end);
    const from = packet.from ?? parseMac(wire.peerMac ?? PEER);
    const to = packet.to ?? parseMac(mac);
    const frame = ethernetFrame(to as MacAddress, from as MacAddress, packet.bytes);
    const head = Buffer.alloc(8);
    head.writeUInt16BE(devices.indexOf(end));
    head.writeUInt32BE(Math.min(0xffffffff, Math.max(SPACING, packet.wait)), 2);
    head.writeUInt16BE(frame.length, 6);
    parts.push(head, Buffer.from(frame));
  }
  return { devices, frames: Buffer.concat(parts) };
}

/** A peer's address where nothing tells it. */
export const PEER = '02:00:5e:00:00:01';

function dmesgLine({ time, text }: KernelMessage): string {
  const seconds = String(Math.floor(time / 1e6)).padStart(5);
  return `[${seconds}.${String(time % 1e6).padStart(6, '0')}] ${text}\n`;
}

/** Wall-clock time at the kernel's time 0, seconds. */
function bootTime(): number {
  return (performance.timeOrigin + performance.now()) / 1000 - Number(process.hrtime.bigint()) / 1e9;
}

/** The directory is read from standard input. What is written is what `nfreplay collect` gathers. */
const SAVES = `iptables-legacy-save -c > iptables-save.txt
ip6tables-legacy-save -c > ip6tables-save.txt
nft list ruleset > nft-ruleset.nft 2>/dev/null && [ -s nft-ruleset.nft ] || rm -f nft-ruleset.nft
ipset save > ipset-save.txt 2>/dev/null
conntrack -L -o extended > conntrack.txt 2>/dev/null
`;
const SNAPSHOT = `cd "$(cat)"
${SAVES}
ip -j addr > ip-addr.json; ip -j -d link > ip-link.json; ip -j rule > ip-rule.json; ip -6 -j rule > ip-6-rule.json; ip -j neigh > ip-neigh.json; ip -j maddr > ip-maddr.json
ip -j route show table all > ip-route.json; ip -6 -j route show table all > ip-6-route.json
ss -Hlntup > ss-listen.txt
sysctl -a 2>/dev/null | grep -E '^net\\.(ipv4|ipv6|netfilter|bridge)\\.' | grep -vE 'neigh|tcp_.*mem|udp_mem' > sysctl.txt
true`;
const AFTER = `cd "$(cat)"
conntrack -L -o extended > conntrack.txt 2>/dev/null
date +%s.%N > time.txt
${SAVES.replace(/^conntrack.*$/m, '')}true`;

/** Waits until a file does not grow any more. */
async function written(path: string): Promise<void> {
  for (let size = -1, now = statSync(path).size; size !== now; now = statSync(path).size) {
    size = now;
    await delay(100);
  }
}

/** Until somebody listens to the kernel's group of traces (NFNLGRP_NFTRACE, 9), which `nft monitor` does not say. */
const UNTIL_TRACED = `for _ in $(seq 500); do
  awk '$2 == 12 && substr($4, length($4) - 2, 1) ~ /[13579bdf]/ { found = 1 } END { exit !found }' /proc/net/netlink && exit 0
  sleep 0.01
done
echo 'nobody listens to traces' >&2
exit 1`;
