// Which socket addresses may declare an identity in the dev profile: addresses and CIDR blocks of dev.trusted_peers.
import { BlockList, isIP } from 'node:net';

/** True if a declaration from this address may be believed. Unreadable addresses are not. */
export type TrustedPeers = (ip: string) => boolean;

const V4_BITS = 32;
const V6_BITS = 128;
const MAPPED_BITS = 96; // ::ffff:0:0/96, RFC 4291 section 2.5.5.2

/** Throws RangeError that names the entry which is neither address nor block. */
export function parseTrustedPeers(entries: readonly string[]): TrustedPeers {
  const list = new BlockList();
  for (const entry of entries) addEntry(list, entry);
  return (ip) => {
    const address = plainAddress(ip);
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  };
}

function addEntry(list: BlockList, entry: string): void {
  const [written = '', prefix, ...more] = entry.trim().split('/');
  const address = plainAddress(written);
  const family = isIP(address);
  const mapped = family === 4 && isIP(written) === 6;
  const bitsMax = family === 4 && !mapped ? V4_BITS : V6_BITS;
  const bits = prefix === undefined ? bitsMax : /^\d{1,3}$/.test(prefix) ? Number(prefix) : NaN;
  const bitsKept = mapped ? bits - MAPPED_BITS : bits;
  if (family === 0 || more.length > 0 || !(bits <= bitsMax) || bitsKept < 0) {
    throw new RangeError(`dev.trusted_peers: ${JSON.stringify(entry)} is neither an IP address nor a CIDR block such as 10.0.0.0/8.`);
  }
  list.addSubnet(address, bitsKept, family === 4 ? 'ipv4' : 'ipv6');
}

/** An IPv4 address that arrives inside an IPv6 socket is that IPv4 address, in whatever form it is written. */
export function plainAddress(ip: string): string {
  if (isIP(ip) !== 6) return ip;
  const dotted = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1];
  if (dotted !== undefined) return dotted;
  const hex = /^(?:::|(?:0{1,4}:){5})ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(ip);
  if (hex === null) return ip;
  const high = parseInt(hex[1] ?? '', 16);
  const low = parseInt(hex[2] ?? '', 16);
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}
