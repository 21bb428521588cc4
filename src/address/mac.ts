/** A link-layer address as bytes; six of them for Ethernet. */
export type MacAddress = Uint8Array;

/** Reads `aa:bb:cc:dd:ee:ff`; undefined where the text is no such address. */
export function parseMac(text: string): MacAddress | undefined {
  if (!/^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(':'), (byte) => parseInt(byte, 16));
}

export function formatMac(mac: Uint8Array): string {
  let text = '';
  for (let i = 0; i < mac.length; i++) text += (i ? ':' : '') + mac[i].toString(16).padStart(2, '0');
  return text;
}

export function macEquals(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Six bytes as a number, for a key. */
export function macNumber(mac: MacAddress): number {
  let key = 0;
  for (let i = 0; i < 6; i++) key = key * 256 + mac[i];
  return key;
}
