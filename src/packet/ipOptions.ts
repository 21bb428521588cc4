import { setU16, setU32, u32, u8 } from './bytes.js';
import { ipv4HeaderChecksum } from './checksum.js';
import { Ipv4 } from './ipv4.js';
import type { Packet } from './packet.js';

/** RFC 791 section 3.1: options by their type byte. */
export const IpOption = {
  end: 0,
  noOperation: 1,
  recordRoute: 7,
  timestamp: 68,
  looseRoute: 131,
  strictRoute: 137,
  /** RFC 2113. */
  routerAlert: 148,
} as const;
/** Offsets within an option, and those of RFC 791's flags of a timestamp that ask for more than the time. */
const LENGTH = 1;
const POINTER = 2;
const FLAGS = 3;
const TimestampFlag = { timeOnly: 0, withAddress: 1, prespecified: 3 } as const;

/** What a host that records a packet's way has to write. */
export interface Recorder {
  /** The address that the packet met. */
  address(): number;
  /** Milliseconds since midnight UTC, as it is to stand at this byte of the packet. */
  midnight(at: number): number;
  /** Whether another host has the address (`inet_addr_type()` says RTN_UNICAST). */
  isElsewhere(address: number): boolean;
}

/** `struct ip_options` (net/inet_sock.h): where the options that ask something of a host stand, from the header on; 0: not there. */
export interface IpOptions {
  record: number;
  recordNeedsAddress: boolean;
  timestamp: number;
  timestampNeedsAddress: boolean;
  timestampNeedsTime: boolean;
  route: number;
  isStrict: boolean;
  /** The host that the packet goes to instead of this one, by its source route; 0: it does not. */
  nextHop: number;
  /** A byte was changed: the header's checksum is wrong until the packet is forwarded. */
  isChanged: boolean;
  /** What is wrong, as a parameter problem tells it (RFC 792); 0: nothing. */
  problem: number;
}

export function hasIpOptions({ version, data }: Packet): boolean {
  return version === 4 && (u8(data, Ipv4.versionIhl) & 15) > 5;
}

/**
 * Reads the options of a packet that came in, and writes into them what they ask of each host on the way:
 * `ip_options_compile()` (net/ipv4/ip_options.c). The header's checksum is left as it was, as the kernel leaves it.
 */
export function receiveOptions(packet: Packet, recorder: Recorder): IpOptions {
  const found: IpOptions = {
    ...{ record: 0, recordNeedsAddress: false, route: 0, isStrict: false, nextHop: 0, problem: 0 },
    ...{ timestamp: 0, timestampNeedsAddress: false, timestampNeedsTime: false, isChanged: false },
  };
  const data = packet.own();
  const end = Math.min(packet.transport, data.length);
  for (let at: number = Ipv4.minimumLength; at < end && found.problem === 0;) {
    const type = data[at];
    if (type === IpOption.noOperation) {
      at++;
      continue;
    }
    if (type === IpOption.end) {
      found.isChanged ||= data.subarray(at, end).some((byte) => byte !== 0);
      data.fill(0, at, end);
      break;
    }
    const length = at + 1 < end ? data[at + LENGTH] : 0;
    if (length < 2 || at + length > end) found.problem = at;
    else if (type === IpOption.recordRoute) receiveRecord(data, at, recorder, found);
    else if (type === IpOption.timestamp) receiveTimestamp(data, at, recorder, found);
    else if (type === IpOption.looseRoute || type === IpOption.strictRoute) receiveRoute(data, at, found);
    else if (type === IpOption.routerAlert && length < 4) found.problem = at + LENGTH;
    at += length;
  }
  return found;
}

function receiveRoute(data: Uint8Array, at: number, found: IpOptions): void {
  if (data[at + LENGTH] < 3) found.problem = at + LENGTH;
  else if (data[at + POINTER] < 4) found.problem = at + POINTER;
  else if (found.route !== 0) found.problem = at;
  else {
    found.isStrict = data[at] === IpOption.strictRoute;
    found.route = at;
  }
}

function receiveRecord(data: Uint8Array, at: number, recorder: Recorder, found: IpOptions): void {
  const length = data[at + LENGTH];
  const pointer = length < 3 ? 0 : data[at + POINTER];
  if (found.record !== 0) found.problem = at;
  else if (length < 3) found.problem = at + LENGTH;
  else if (pointer < 4 || (pointer <= length && pointer + 3 > length)) found.problem = at + POINTER;
  if (found.problem !== 0) return;
  found.record = at;
  if (pointer > length) return;
  setU32(data, at + pointer - 1, recorder.address());
  data[at + POINTER] += 4;
  found.recordNeedsAddress = found.isChanged = true;
}

function receiveTimestamp(data: Uint8Array, at: number, recorder: Recorder, found: IpOptions): void {
  const length = data[at + LENGTH];
  if (found.timestamp !== 0) found.problem = at;
  else if (length < 4) found.problem = at + LENGTH;
  else if (data[at + POINTER] < 5) found.problem = at + POINTER;
  if (found.problem !== 0) return;
  const pointer = data[at + POINTER];
  if (pointer > length) {
    const missed = data[at + FLAGS] >> 4;
    if (missed === 15) {
      found.problem = at + FLAGS;
      return;
    }
    found.timestamp = at;
    data[at + FLAGS] += 0x10;
    found.isChanged = true;
    return;
  }
  const flag = data[at + FLAGS] & 15;
  const entry = flag === TimestampFlag.timeOnly ? 4 : 8;
  const known = flag === TimestampFlag.withAddress || flag === TimestampFlag.prespecified || entry === 4;
  if (pointer + (known ? entry : 4) - 1 > length) {
    found.problem = at + POINTER;
    return;
  }
  if (!known) return;
  found.timestamp = at;
  const place = at + pointer - 1;
  if (flag === TimestampFlag.prespecified && recorder.isElsewhere(u32(data, place))) return;
  if (flag === TimestampFlag.withAddress) {
    setU32(data, place, recorder.address());
    found.timestampNeedsAddress = true;
  }
  const time = place + entry - 4;
  setU32(data, time, recorder.midnight(time));
  data[at + POINTER] += entry;
  found.timestampNeedsTime = found.isChanged = true;
}

/**
 * The hosts that a source route still names, from its pointer on, and the place in the option of each: `ip_options_rcv_srr()`.
 * @returns null where one does not fit behind the last
 */
export function hopsOf({ data }: Packet, { route }: IpOptions): { address: number; at: number }[] | null {
  const hops = [];
  const length = data[route + LENGTH];
  for (let at = data[route + POINTER]; at <= length; at += 4) {
    if (at + 3 > length) return null;
    hops.push({ address: u32(data, route + at - 1), at });
  }
  return hops;
}

/** Where the pointer of a packet's source route stands, from the header on. */
export function routePointerAt({ route }: IpOptions): number {
  return route + POINTER;
}

/** What a forwarded packet records of its way out: `ip_forward_options()`. */
export function forwardOptions(packet: Packet, options: IpOptions, address: () => number): void {
  const data = packet.own();
  const { record, route, nextHop } = options;
  const hop = nextHop === 0 ? undefined : hopsOf(packet, options)?.find(({ address }) => address === nextHop);
  if (options.recordNeedsAddress) setU32(data, record + data[record + POINTER] - 5, address());
  if (hop) {
    setU32(data, Ipv4.destination, nextHop);
    setU32(data, route + hop.at - 1, address());
    data[route + POINTER] = hop.at + 4;
  }
  if (!options.isChanged && nextHop === 0) return;
  setU16(data, Ipv4.checksum, 0);
  setU16(data, Ipv4.checksum, ipv4HeaderChecksum(data));
}

/** The way back to who asked, of what was routed by its source. */
export interface ReturnRoute {
  /** Where the answer goes first. */
  readonly firstHop: number;
  /** The option that it has, at whose end stands who asked. */
  readonly option: readonly number[];
}

/** The hosts that a packet came by, the last one first: `__ip_options_echo()`. null: it named none but its sender. */
export function returnRoute({ data }: Packet, { route }: IpOptions): ReturnRoute | null {
  if (route === 0) return null;
  const length = data[route + LENGTH];
  const source = u32(data, Ipv4.source);
  let at = Math.min(data[route + POINTER], length + 1) - 4;
  if (at <= 3) return null;
  const firstHop = u32(data, route + at - 1);
  const hops: number[] = [];
  for (at -= 4; at > 3; at -= 4) hops.push(u32(data, route + at - 1));
  // What names its own sender first is mended (RFC 1812 section 5.2.4.1): it would be told twice.
  const isTold = u32(data, route + at + 3) === source;
  if (isTold && hops.pop() === undefined) return null;
  const option = new Uint8Array(3 + 4 * (hops.length + 1));
  option.set([data[route], option.length, 4]);
  [...hops, source].forEach((hop, i) => setU32(option, 3 + 4 * i, hop));
  return { firstHop, option: [...option] };
}

/**
 * The options of an answer to a packet, filled in by who answers: `__ip_options_echo()`, `ip_options_build()`.
 * @param address of who answers
 * @returns null where the kernel does not answer, since an option's pointer does not fit
 */
export function echoOptions(
  packet: Packet,
  options: IpOptions,
  recorder: Recorder,
  address: number,
): Uint8Array | null {
  const { data } = packet;
  const parts: number[] = [];
  const { record, timestamp } = options;
  if (record !== 0) {
    const [copy, length, pointer] = [optionAt(data, record), data[record + LENGTH], data[record + POINTER]];
    if (options.recordNeedsAddress && pointer <= length) {
      if (pointer + 3 > length) return null;
      setU32(copy, pointer - 1, address);
      copy[POINTER] += 4;
    }
    parts.push(...copy);
  }
  if (timestamp !== 0) {
    const copy = optionAt(data, timestamp);
    if (!echoTimestamp(copy, options, recorder, address)) return null;
    parts.push(...copy);
  }
  parts.push(...(returnRoute(packet, options)?.option ?? []));
  while (parts.length % 4 !== 0) parts.push(IpOption.end);
  return Uint8Array.from(parts);
}

function optionAt(data: Uint8Array, at: number): Uint8Array {
  return data.slice(at, at + data[at + LENGTH]);
}

/** False: it does not fit. */
function echoTimestamp(option: Uint8Array, options: IpOptions, recorder: Recorder, address: number): boolean {
  let pointer = option[POINTER];
  const length = option.length;
  if (pointer > length) return true;
  if (options.timestampNeedsAddress) {
    if (pointer + 3 > length) return false;
    setU32(option, pointer - 1, address);
    pointer += 4;
  }
  if (options.timestampNeedsTime) {
    if (pointer + 3 > length) return false;
    if ((option[FLAGS] & 15) !== TimestampFlag.prespecified) {
      setU32(option, pointer - 1, recorder.midnight(0));
      pointer += 4;
    } else if (pointer + 7 <= length && !recorder.isElsewhere(u32(option, pointer - 1))) {
      setU32(option, pointer + 3, recorder.midnight(0));
      pointer += 8;
    }
  }
  option[POINTER] = pointer;
  return true;
}
