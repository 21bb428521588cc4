/** Protocol numbers that have a name in everyone's mouth. */
const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'ICMP',
  2: 'IGMP',
  6: 'TCP',
  17: 'UDP',
  41: 'IPv6',
  47: 'GRE',
  50: 'ESP',
  51: 'AH',
  58: 'ICMPv6',
  132: 'SCTP',
};

function protocolText(number: Cell): string {
  return number === null ? '' : (PROTOCOLS[Number(number)] ?? String(number));
}

/** Microseconds since capture start as seconds. */
function secondsText(micros: Cell): string {
  return micros === null ? '' : (Number(micros) / 1e6).toFixed(6);
}

/** The same as a moment in UTC. */
function momentText(micros: Cell): string {
  const at = BigInt(HEAD.epoch) / 1000n + BigInt(Number(micros));
  const date = new Date(Number(at / 1000n));
  if (Number.isNaN(date.getTime())) return '';
  return `${date.toISOString().slice(0, 23)}${String(at % 1000n).padStart(3, '0')}Z`;
}

function timeCell(micros: Cell): HTMLElement {
  return el('time', { title: momentText(micros) }, secondsText(micros));
}

/** `198.51.100.9:55180`, as far as there is a port. */
function endText(address: Cell, port: Cell): string {
  if (address === null || address === '') return '';
  if (port === null) return String(address);
  return String(address).includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function countText(n: Cell): string {
  return n === null ? '' : Number(n).toLocaleString('en');
}
