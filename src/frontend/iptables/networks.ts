import { type IpVersion, parseAddress, parseNetwork } from '../../address/ip.js';

/** The networks of one -s or -d, each as `parseNetwork` takes it, or what iptables says is wrong. */
export type Networks = { readonly texts: readonly string[] } | { readonly problem: string };

/** The most addresses that one -s or -d may list here; every pair of both becomes a rule. */
const MOST = 256;

/**
 * Reads what -s and -d take: a comma-separated list of addresses with an optional prefix length or mask;
 * IPv4 may leave out trailing octets; under a mask of 0 the address is not looked at
 * (`xtables_ipparse_multiple()`, libxtables/xtables.c).
 */
export function parseNetworks(text: string, version: IpVersion): Networks {
  if (!text.includes(',') && parseNetwork(text)?.version === version) return { texts: [text] };
  const texts = new Map<string, string>();
  const parts = text.split(',');
  if (parts.length > MOST) return { problem: `more than ${MOST} addresses` };
  for (const part of parts) {
    const trimmed = part.trimStart();
    const slash = trimmed.lastIndexOf('/');
    const host = slash < 0 ? trimmed : trimmed.slice(0, slash);
    const mask = slash < 0 ? null : maskText(trimmed.slice(slash + 1), version);
    if (mask === undefined) return { problem: `invalid mask \`${trimmed.slice(slash + 1)}' specified` };
    const any = mask !== null && /^(0|0\.0\.0\.0|::)$/.test(mask);
    const address = any ? (version === 4 ? '0.0.0.0' : '::') : hostAddress(host, version);
    if (address === undefined) return { problem: `host/network \`${host}' not found` };
    const network = parseNetwork(mask === null ? address : `${address}/${mask}`);
    if (!network) return { problem: `host/network \`${trimmed}' not found` };
    const key = network.address.toString();
    if (!texts.has(key)) texts.set(key, network.toString());
  }
  return { texts: [...texts.values()] };
}

/** A mask as a prefix length in decimal or as an address; undefined where it is neither. */
function maskText(text: string, version: IpVersion): string | undefined {
  if (parseAddress(text)?.version === version) return text;
  const number = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : NaN;
  return number <= (version === 4 ? 32 : 128) ? String(number) : undefined;
}

/** A numeric address; the one host name known without a resolver is `localhost`. */
function hostAddress(text: string, version: IpVersion): string | undefined {
  if (text === 'localhost') return version === 4 ? '127.0.0.1' : '::1';
  if (version === 4 && /^\d{1,3}(\.\d{1,3}){0,2}$/.test(text)) {
    const filled = text + '.0'.repeat(4 - text.split('.').length);
    return parseAddress(filled) ? filled : undefined;
  }
  return parseAddress(text)?.version === version ? text : undefined;
}
