import { u16, u32, u8 } from '../packet/bytes.js';
import type { Packet } from '../packet/packet.js';

/** One instruction of classic BPF: `struct sock_filter` (linux/filter.h). */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** BPF_MAXINSNS of xt_bpf. */
const MOST = 64;
/** Words of scratch memory. */
const MEMORY = 16;
/** From here up (as a signed number, below 0) an offset means one of the kernel's extensions. */
const EXTENSIONS = 0x80000000;

/** Instruction classes and parts of linux/bpf_common.h. */
const Class = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, ret: 6, misc: 7 } as const;
const ALU = ['add', 'sub', 'mul', 'div', 'or', 'and', 'lsh', 'rsh', 'neg', 'mod', 'xor'] as const;
const Jump = { always: 0x00, equal: 0x10, greater: 0x20, greaterOrEqual: 0x30, set: 0x40 } as const;
const FROM_X = 0x08;

/** The codes that the kernel takes (`bpf_check_classic()`, net/core/filter.c). */
const VALID = new Set([
  ...[0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80],
  ...[0x01, 0x61, 0x81, 0xb1],
  ...[0x02, 0x03, 0x05, 0x06, 0x16, 0x07, 0x87],
  ...[0, 1, 2, 3, 4, 5, 6, 7, 9, 10].flatMap((op) => [0x04 | (op << 4), 0x0c | (op << 4)]),
  0x84,
  ...[1, 2, 3, 4].flatMap((op) => [0x05 | (op << 4), 0x0d | (op << 4)]),
]);

/**
 * Reads `count,code jt jf k,…`, as nfbpf_compile and `tcpdump -ddd | tr` write it.
 * @returns what is wrong, where something is; a program that is returned always ends
 */
export function decodeProgram(text: string): Instruction[] | string {
  const [count, ...lines] = text.split(',');
  if (!/^\d+$/.test(count) || Number(count) !== lines.filter((l) => l.trim() !== '').length)
    return 'error parsing program: the number of instructions does not match';
  if (Number(count) < 1 || Number(count) > MOST) return `bytecode has 1 to ${MOST} instructions`;
  const program: Instruction[] = [];
  for (const line of lines.slice(0, Number(count))) {
    const found = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(line);
    if (!found) return `error parsing program: "${line}"`;
    const [code, jt, jf, k] = found.slice(1).map(Number);
    if (!VALID.has(code) || jt > 255 || jf > 255 || k > 0xffffffff) return `"${line}" is no instruction`;
    program.push({ code, jt, jf, k });
  }
  for (const [at, { code, jt, jf, k }] of program.entries()) {
    const kind = code & 7;
    const furthest = kind !== Class.jmp ? 0 : (code & 0xf0) === Jump.always ? k : Math.max(jt, jf);
    if (at + furthest + 1 > program.length - (kind === Class.ret ? 0 : 1))
      return 'a way through the program does not end';
    const memory = kind === Class.st || kind === Class.stx || code === 0x60 || code === 0x61;
    if (memory && k >= MEMORY) return `there is no memory word ${k}`;
    if ((code === 0x34 || code === 0x94) && k === 0) return 'a division by 0';
  }
  return program;
}

export function printProgram(program: readonly Instruction[]): string {
  return program.map(({ code, jt, jf, k }) => `${code} ${jt} ${jf} ${k}`).join(',');
}

/**
 * Runs a program on the bytes from the network header on.
 * @returns what it returns (0 where it reads past the packet); null where the capture lost what it reads, or it asks
 * for one of the kernel's extensions
 */
export function runProgram(program: readonly Instruction[], packet: Packet): number | null {
  const { data } = packet;
  const memory = new Uint32Array(MEMORY);
  let a = 0;
  let x = 0;
  for (let pc = 0; pc < program.length; pc++) {
    const { code, jt, jf, k } = program[pc];
    switch (code & 7) {
      case Class.ld:
      case Class.ldx: {
        const mode = code & 0xe0;
        let value: number;
        if (mode === 0x00) value = k;
        else if (mode === 0x60) value = memory[k];
        else if (mode === 0x80) value = packet.length;
        else {
          if (k >= EXTENSIONS) return null;
          const at = mode === 0x40 ? x + k : k;
          const size = (code & 0x18) === 0x00 ? 4 : (code & 0x18) === 0x08 ? 2 : 1;
          if (at + size > packet.length) return 0;
          if (at + size > data.length) return null;
          value = size === 4 ? u32(data, at) : size === 2 ? u16(data, at) : u8(data, at);
          // BPF_MSH: four times the low half of a byte, an IP header's length.
          if (mode === 0xa0) value = (value & 15) * 4;
        }
        if ((code & 7) === Class.ld) a = value;
        else x = value;
        break;
      }
      case Class.st:
        memory[k] = a;
        break;
      case Class.stx:
        memory[k] = x;
        break;
      case Class.alu: {
        const by = code & FROM_X ? x : k;
        const operation = ALU[(code & 0xf0) >> 4];
        if ((operation === 'div' || operation === 'mod') && by === 0) return 0;
        a = compute(operation, a, by);
        break;
      }
      case Class.jmp:
        if ((code & 0xf0) === Jump.always) pc += k;
        else pc += compare(code & 0xf0, a, code & FROM_X ? x : k) ? jt : jf;
        break;
      case Class.ret:
        return (code & 0x18) === 0x10 ? a : k;
      default:
        if (code === 0x07) x = a;
        else a = x;
    }
  }
  return 0;
}

function compute(operation: (typeof ALU)[number], a: number, by: number): number {
  switch (operation) {
    case 'add':
      return (a + by) >>> 0;
    case 'sub':
      return (a - by) >>> 0;
    case 'mul':
      return Math.imul(a, by) >>> 0;
    case 'div':
      return Math.floor(a / by);
    case 'or':
      return (a | by) >>> 0;
    case 'and':
      return (a & by) >>> 0;
    case 'lsh':
      return (a << by) >>> 0;
    case 'rsh':
      return a >>> by;
    case 'neg':
      return -a >>> 0;
    case 'mod':
      return a % by;
    case 'xor':
      return (a ^ by) >>> 0;
  }
}

function compare(jump: number, a: number, by: number): boolean {
  if (jump === Jump.equal) return a === by;
  if (jump === Jump.greater) return a > by;
  return jump === Jump.greaterOrEqual ? a >= by : (a & by) !== 0;
}
