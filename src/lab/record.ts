import { mkdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseMac } from '../address/mac.js';
import { type Child, ended, shell, start, until } from './children.js';
import { ethernetFrame } from './craft.js';
import { withKernelLog, type KernelMessage } from './kernelLog.js';
import { buildLab, type Lab, type LabHost } from './namespaces.js';

/** A packet that a peer sends to the host under test. */
export interface LabPacket {
  /** Wait before it, µs. */
  readonly wait: number;
  /** The host's interface that it comes in by. */
  readonly interface: string;
  /** From the IP header on. */
  readonly bytes: Uint8Array;
  /** Where it is not sent to the host's own MAC: `ff:ff:ff:ff:ff:ff`. */
  readonly to?: string;
}

/** The same inputs for the real kernel and for the simulated one. */
export interface LabRun {
  readonly host: LabHost;
  readonly packets: readonly LabPacket[];
  /** LOG lines that are ours begin so, or are TRACE lines; null: no rule logs, so the kernel's log is left alone. */
  readonly logPrefix: string | null;
  /** Takes time for timers to fire and listeners to be told, ms. */
  readonly settle?: number;
}

/** Least time between two frames, µs: each is done with before the next comes. */
const SPACING = 700;

/**
 * Gives a run to this machine's own kernel and writes what it did to `out`: `host/`, `any.pcap`, `kernel.log`,
 * `conntrack-events.txt`, `clock.json`, `after/`. @throws LabError where the lab itself fails
 */
export async function record(run: LabRun, out: string): Promise<void> {
  mkdirSync(join(out, 'host'), { recursive: true });
  mkdirSync(join(out, 'after'), { recursive: true });
  const lab = await buildLab(run.host);
  const children: Child[] = [];
  try {
    shell(SNAPSHOT, lab.host, join(out, 'host'));
    await withKernelLog(run.logPrefix !== null, async (log) => {
      const capture = start('ip', ...inside(lab.host), 'tcpdump', '-i', 'any', '-n', '-U', '--immediate-mode', '-B', '32768', '-s', '4096', '--time-stamp-precision=nano', '-w', join(out, 'any.pcap'), 'not arp'); // prettier-ignore
      const events = start('ip', ...inside(lab.host), 'sh', '-c', `exec stdbuf -oL conntrack -E -o timestamp > ${join(out, 'conntrack-events.txt')}`); // prettier-ignore
      const injector = start('ip', ...inside(lab.peer), process.execPath, injectorPath(), readlinkSync('/proc/self/ns/net'), ...run.host.interfaces.map((_, n) => `p${n}`)); // prettier-ignore
      children.push(capture, events, injector);
      await Promise.all([
        until(capture, capture.stderr, 'listening'),
        until(injector, injector.stdout, 'ready'),
      ]);
      const messages: KernelMessage[] = [];
      const read = (): void => void messages.push(...(log?.read() ?? []));
      const reading = setInterval(read, 20);
      injector.stdin.end(framesOf(run));
      await ended(injector);
      await delay(run.settle ?? 100);
      clearInterval(reading);
      read();
      shell(AFTER, lab.host, join(out, 'after'));
      capture.kill('SIGINT');
      events.kill('SIGKILL');
      await Promise.all([ended(capture), ended(events)]);
      const ours = messages.filter(
        (m) => m.text.startsWith(run.logPrefix ?? '') || m.text.startsWith('TRACE: '),
      );
      writeFileSync(join(out, 'kernel.log'), ours.map(dmesgLine).join(''));
    });
    writeFileSync(join(out, 'clock.json'), JSON.stringify({ boot_epoch_s: bootTime() }));
    writeFileSync(join(out, 'setup.sh'), run.host.setup);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await lab.close();
  }
}

function inside(namespace: string): string[] {
  return ['netns', 'exec', namespace];
}

/** Beside this file once it is built; the tests run from the sources and use the built one. */
function injectorPath(): string {
  return fileURLToPath(new URL('inject.js', import.meta.url)).replace(/\/src\/lab\//, '/dist/lab/');
}

function framesOf({ host, packets }: LabRun): Buffer {
  const parts = packets.map((packet) => {
    const index = host.interfaces.findIndex((i) => i.name === packet.interface);
    const { mac, peerMac } = host.interfaces[index];
    const to = parseMac(packet.to ?? mac) as Uint8Array;
    const frame = ethernetFrame(to, parseMac(peerMac) as Uint8Array, packet.bytes);
    const head = Buffer.alloc(7);
    head[0] = index;
    head.writeUInt32BE(packet.wait + SPACING, 1);
    head.writeUInt16BE(frame.length, 5);
    return Buffer.concat([head, frame]);
  });
  return Buffer.concat(parts);
}

function dmesgLine({ time, text }: KernelMessage): string {
  const seconds = String(Math.floor(time / 1e6)).padStart(5);
  return `[${seconds}.${String(time % 1e6).padStart(6, '0')}] ${text}\n`;
}

/** Wall-clock time at the kernel's time 0, seconds. */
function bootTime(): number {
  return Date.now() / 1000 - Number(process.hrtime.bigint()) / 1e9;
}

/** The directory is read from standard input. What is written is what `nfreplay collect` gathers. */
const SAVES = `iptables-legacy-save -c > iptables-save.txt
ip6tables-legacy-save -c > ip6tables-save.txt
ipset save > ipset-save.txt 2>/dev/null
conntrack -L -o extended > conntrack.txt 2>/dev/null
`;
const SNAPSHOT = `cd "$(cat)"
${SAVES}
ip -j addr > ip-addr.json; ip -j -d link > ip-link.json; ip -j rule > ip-rule.json; ip -j neigh > ip-neigh.json
ip -j route show table all > ip-route.json; ip -6 -j route show table all > ip-6-route.json
ss -Hlntup > ss-listen.txt
sysctl -a 2>/dev/null | grep -E '^net\\.(ipv4|ipv6|netfilter|bridge)\\.' | grep -vE 'neigh|tcp_.*mem|udp_mem' > sysctl.txt
true`;
const AFTER = `cd "$(cat)"
conntrack -L -o extended > conntrack.txt 2>/dev/null
date +%s.%N > time.txt
${SAVES.replace(/^conntrack.*$/m, '')}true`;

export type { Lab };
