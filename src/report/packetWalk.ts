import type { PacketTrip, PacketWalk, WalkCondition, WalkEvent } from '../explain/walks/packetWalk.js';
import { escapeControls } from '../source/text.js';
import { JSON_VERSION, printJson } from './json.js';

/** The ways as one JSON object. */
export function packetWalksJson(walks: readonly PacketWalk[]): string {
  return `${printJson({ version: JSON_VERSION, walks }, 2)}\n`;
}

/** The ways of packets, one after the other. */
export function packetWalksText(walks: readonly PacketWalk[]): string {
  return walks.map(packetWalkText).join('\n');
}

/** The way of one packet, a line for each thing that happened, indented by chain. Everything from outside is escaped. */
export function packetWalkText({ frame, trips }: PacketWalk): string {
  if (trips.length === 0)
    return (
      `Packet ${frame} started nothing: it is not in the capture, holds no IP packet, ` +
      'or is the copy of one that went through the host before.\n'
    );
  return trips.map((trip) => tripText(frame, trip)).join('\n');
}

function tripText(frame: number, { how, answer, packet, events, omitted }: PacketTrip): string {
  const what = answer ? 'the answer of the host' : how === 'sent' ? 'made by the host' : 'received';
  const lines = [`Packet ${frame}, ${what}: ${packet}`, ...events.map(eventText)];
  if (omitted > 0) lines.push(`… and ${omitted} more`);
  return lines.map((line) => `${escapeControls(line)}\n`).join('');
}

function eventText(event: WalkEvent): string {
  switch (event.kind) {
    case 'hook':
      return `${event.hook}  ${event.packet}`;
    case 'chain':
      return `${indent(event.depth)}${event.chain}${event.by ? ` (from ${event.by.address})` : ''}`;
    case 'skip':
      return `  ${event.chain}: not asked (${event.reason})`;
    case 'rule': {
      const conditions = event.conditions.map(conditionText).join(', ');
      return `${indent(event.depth + 1)}${event.outcome.padEnd(4)} ${event.rule.address}  ${event.rule.text}${conditions ? `  [${conditions}]` : ''}`;
    }
    case 'verdict':
      return `${indent(event.depth + 1)}=> ${event.verdict} by ${event.rule?.address ?? `the end of ${event.chain}`}`;
    case 'change':
      return `  ${event.field}: ${event.from} -> ${event.to}${event.rule ? ` by ${event.rule.address}` : ''}`;
    case 'route':
      return `routing: ${event.decision}`;
    case 'done':
      return `  ${event.what}`;
    case 'end':
      return `${event.end}${event.reason ? ` (${event.reason})` : ''}  ${event.packet}`;
  }
}

function indent(depth: number): string {
  return '  '.repeat(depth + 1);
}

function conditionText({ name, wanted, saw, outcome }: WalkCondition): string {
  if (outcome === 'hit') return `${name} ${wanted}: ${saw}`;
  return `${name} wanted ${wanted}, saw ${saw}`;
}
