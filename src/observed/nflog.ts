import { closeSync, openSync, readSync } from 'node:fs';
import { openCaptures } from '../capture/open.js';
import { pcapMagic } from '../capture/pcap.js';
import { sniff } from '../capture/sniff.js';
import type { Host } from '../host/host.js';
import { formatLine } from '../klog/describe.js';
import { parse } from '../klog/parse.js';
import { decodeLink, LinkLayer } from '../packet/link.js';
import type { NflogLayer } from '../packet/nflog.js';
import { decodePacket } from '../packet/packet.js';
import type { Device } from '../packet/device.js';
import type { Hook } from '../rules/hook.js';
import type { Diagnostics } from '../source/diagnostic.js';
import type { ObservedEntry } from './entry.js';

/** Whether a file that was given as a log is a capture: then of the kernel's NFLOG messages (`tcpdump -i nflog:5`). */
export function isCaptured(path: string): boolean {
  if (path === '-') return false;
  const head = Buffer.alloc(4);
  try {
    const file = openSync(path, 'r');
    try {
      readSync(file, head, 0, head.length, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
  return pcapMagic(head) !== null || sniff(head) === 'pcapng';
}

/**
 * Reads a capture of NFLOG messages as a log: each is told as LOG would have told it, with its prefix, interfaces, link
 * header, mark and packet. Frames of another link type are an error.
 * @param host names the interfaces
 */
export async function* readNflog(
  file: string,
  host: Host,
  diagnostics: Diagnostics,
): AsyncGenerator<ObservedEntry> {
  const source = openCaptures([file]);
  const link = new LinkLayer();
  let others = 0;
  for await (const frame of source.frames()) {
    const layer = decodeLink(frame.linkType, frame.bytes, link);
    const nflog = typeof layer === 'string' ? null : layer.nflog;
    const packet = typeof layer === 'string' ? layer : decodePacket(frame.bytes, layer.network);
    if (!nflog || typeof packet === 'string') {
      others++;
      continue;
    }
    const device = (index: number): Device | null =>
      index === 0 ? null : (host.deviceByIndex(index) ?? host.deviceFor(`if${index}`));
    Object.assign(packet, {
      in: device(nflog.in),
      out: device(nflog.out),
      physIn: device(nflog.physIn),
      physOut: device(nflog.physOut),
      mark: nflog.mark,
    });
    packet.setLink(frame.bytes, nflog.headerAt, nflog.headerLength);
    const text = formatLine(packet, { prefix: nflog.prefix }, hookOf(nflog));
    const wall = { ns: source.epoch + BigInt(frame.time), resolution: 1000 };
    const { group } = nflog;
    yield { time: { wall }, text, record: parse(text), file, line: frame.number, boot: 0, group };
  }
  for (const error of source.errors) diagnostics.error(`${file}: ${error.message}`, { advice: error.advice });
  if (others > 0)
    diagnostics.error(`${file}: ${others} of its frames are no NFLOG messages`, {
      advice: 'As a log, give what tcpdump -i nflog:GROUP wrote; captures of packets come before --log.',
    });
}

function hookOf({ hook }: NflogLayer): Hook | undefined {
  return hook !== null && hook <= 4 ? (hook as Hook) : undefined;
}
