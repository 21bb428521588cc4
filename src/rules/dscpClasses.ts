/** The DiffServ classes that iptables knows by name (RFC 2474, RFC 2597, RFC 3246), with their code points. */
const CLASSES = new Map<string, number>([
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((n) => [`CS${n}`, n * 8] as const),
  ['BE', 0],
  ...[1, 2, 3, 4].flatMap((n) => [1, 2, 3].map((drop) => [`AF${n}${drop}`, n * 8 + drop * 2] as const)),
  ['EF', 46],
]);

/** The code point of a class, in any case; undefined where there is none of that name. */
export function parseDscpClass(text: string): number | undefined {
  return CLASSES.get(text.toUpperCase());
}
