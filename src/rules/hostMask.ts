import { IpNetwork, parseAddress, parseNetwork } from '../address/ip.js';

/** The host bits stay, and are printed; the mask hides them from the test. */
export function parseHostMask(text: string, version: 4 | 6): IpNetwork | undefined {
  const network = parseNetwork(text);
  const address = parseAddress(text.split('/')[0]);
  return network && address?.version === version ? new IpNetwork(address, network.mask) : undefined;
}

/** What iptables says of what `parseHostMask` does not take. */
export function badHostMask(text: string, extension: string, option: string, version: 4 | 6): string {
  const [host, mask] = text.split('/');
  return parseAddress(host)?.version === version && mask !== undefined
    ? `${extension}: bad value for option "${option}", neither a valid network mask nor valid CIDR (0-${version === 4 ? 32 : 128}).`
    : `host/network \`${host}' not found`;
}

/** iptables 1.8.9 leaves out a mask that is no prefix. */
export function printHostMask(network: IpNetwork): string {
  const { prefixLength: length } = network;
  const whole = length === undefined || length === (network.version === 4 ? 32 : 128);
  return `${network.address.toString()}${whole ? '' : `/${length}`}`;
}

/** The same without -n. */
export function listHostMask(network: IpNetwork): string {
  const { a, b, c, d } = network.address;
  return (a | b | c | d) === 0 ? 'anywhere' : printHostMask(network);
}
