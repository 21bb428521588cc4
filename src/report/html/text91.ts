/** The printable letters of ASCII but for those that HTML means something by: 91, so that two of them hold 13 bits. */
const LETTERS = Buffer.from(
  Array.from({ length: 94 }, (_, i) => 33 + i).filter((code) => !'<&>'.includes(String.fromCharCode(code))),
);

/**
 * Bytes as text that may stand in a script element as it is: 16 letters for 13 bytes, where base64 needs 17.3. Bits go
 * into pairs of letters from the lowest up; 6 or fewer at the end take one letter. The page reads it back in client/pieces.ts.
 */
export function text91(bytes: Uint8Array): string {
  const out = Buffer.allocUnsafe(Math.ceil((bytes.length * 8) / 13) * 2);
  let at = 0;
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held |= byte << bits;
    bits += 8;
    if (bits < 13) continue;
    const value = held & 0x1fff;
    out[at++] = LETTERS[value % LETTERS.length];
    out[at++] = LETTERS[Math.floor(value / LETTERS.length)];
    held >>>= 13;
    bits -= 13;
  }
  if (bits > 0) out[at++] = LETTERS[held % LETTERS.length];
  if (bits > 6) out[at++] = LETTERS[Math.floor(held / LETTERS.length)];
  return out.toString('latin1', 0, at);
}
