import { findTarget, isProblem } from '../../src/explain/why/address.js';
import { recordWalk, type PacketWalk } from '../../src/explain/walks/packetWalk.js';
import { preparationOf } from '../../src/explain/walks/packetTold.js';
import { readPacketWords, type WordedPacket, wordedSource } from '../../src/explain/walks/packetWords.js';
import type { WhyResult } from '../../src/explain/result.js';
import { type ReplayWith, why } from '../../src/explain/why/why.js';
import { collectAll, type RuleSummary } from '../../src/explain/why/whyAll.js';
import { parseSave } from '../../src/frontend/iptables/save.js';
import { assumeHost } from '../../src/host/assume.js';
import type { Ruleset } from '../../src/rules/model.js';
import { runReplay } from '../../src/run.js';
import { Diagnostics, formatDiagnostic } from '../../src/source/diagnostic.js';

/** A router between eth0 (198.51.100.2) and docker0 (172.17.0.1). */
const HOST = {
  addresses: ['198.51.100.2/24@eth0', '172.17.0.1/16@docker0', '192.168.1.1/24@eth1'],
  routes: ['default via 198.51.100.1'],
  sysctls: ['net.ipv4.ip_forward=1'],
  sockets: ['udp:53'],
};

export function rulesOf(text: string, version: 4 | 6 = 4): Ruleset {
  const diagnostics = new Diagnostics();
  const tables = parseSave(text, 'rules', version, diagnostics);
  if (diagnostics.list.length > 0) throw new Error(diagnostics.list.map(formatDiagnostic).join('\n'));
  return { tables };
}

export function packet(words: string): WordedPacket {
  const worded = readPacketWords(words);
  if ('message' in worded) throw new Error(worded.message);
  return worded;
}

export function replayOf(packets: readonly string[]): ReplayWith {
  return async (ruleset, observer, admits) => {
    const host = assumeHost(HOST, new Diagnostics());
    const given = { host, ruleset, sets: new Map(), unusable: [] };
    const worded = packets.map(packet);
    await runReplay(wordedSource(worded), given, { observer, admits, prepares: preparationOf(worded) });
  };
}

/** Asks about one rule, or a policy, of iptables-save text with packets in words. */
export async function ask(address: string, rules: string, packets: readonly string[]): Promise<WhyResult> {
  const ruleset = rulesOf(rules);
  const target = findTarget(address, ruleset);
  if (isProblem(target)) throw new Error(target.message);
  return why({ ruleset, target, replay: replayOf(packets) });
}

export async function askAll(rules: string, packets: readonly string[]): Promise<RuleSummary[]> {
  const ruleset = rulesOf(rules);
  const collector = collectAll(ruleset);
  await replayOf(packets)(ruleset, collector);
  return collector.rows();
}

export async function walkOf(frame: number, rules: string, packets: readonly string[]): Promise<PacketWalk> {
  const recorder = recordWalk(frame);
  await replayOf(packets)(rulesOf(rules), recorder);
  return recorder.walk();
}
