import { SPELLING, type LogRecord, type MacLog, type PacketLog } from './record.js';

/** The line that the kernel prints for this record, without level and time stamp: nf_log_syslog.c of Linux 6.18. */
export function emit(record: LogRecord): string {
  let text = `${record.prefix}IN=${record.in} `;
  if (record.out !== undefined) text += `OUT=${record.out} `;
  if (record.physIn !== undefined) text += `PHYSIN=${record.physIn} `;
  if (record.physOut !== undefined) text += `PHYSOUT=${record.physOut} `;
  if (record.mac) text += emitMac(record.mac);
  if (record.packet) text += emitPacket(record.packet);
  if (record.uid !== undefined) text += `UID=${record.uid} `;
  if (record.gid !== undefined) text += `GID=${record.gid} `;
  if (record.mark !== undefined) text += `MARK=0x${(record.mark >>> 0).toString(16)} `;
  if (record.rest !== undefined) text += record.rest;
  return record.bare ? text.slice(0, -1) : text;
}

/** `dump_mac_header()`. */
function emitMac(mac: MacLog): string {
  if (mac.kind === 'raw') return `MAC=${mac.text} ${mac.tunnel === undefined ? '' : `TUNNEL=${mac.tunnel} `}`;
  const vlan = mac.vlan ? `VPROTO=${mac.vlan.protocol} VID=${mac.vlan.id} ` : '';
  return `MACSRC=${mac.source} MACDST=${mac.destination} ${vlan}MACPROTO=${mac.protocol} `;
}

function emitPacket(packet: PacketLog): string {
  let text = '';
  for (const [name, value] of packet.tokens) {
    if (value !== null) text += `${SPELLING.get(name) ?? `${name}=`}${value} `;
    else if (name === '[') text += `[${packet.inner ? emitPacket(packet.inner) : ''}] `;
    else text += `${name} `;
  }
  return packet.bare ? text.slice(0, -1) : text;
}
