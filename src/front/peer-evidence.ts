// What the socket and the headers offer as evidence of who calls. Nothing of it is believed here: layer 3 judges it.
import type { PeerEvidence } from '../engines/identity/types.js';
import type { HeaderIntake } from './inbound-headers.js';
import type { HttpResponse } from './uws-types.js';

const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
const LOOPBACK_NET = 127;

/** An IPv4 address that arrived on an IPv6 socket (RFC 4291, section 2.5.5.2). */
function isMapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
}

/** In RFC 5952's form, which is also what the URL parser writes. */
function formatIpv6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, at) => (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16));
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1);
}

/** Texts of IPv4 addresses by their number: a fleet comes from a few. Started anew when strangers have filled it. */
const texts = new Map<number, string>();
const TEXTS_MAX = 4096;

function formatIpv4(bytes: Uint8Array): string {
  const a = bytes[0] ?? 0;
  const b = bytes[1] ?? 0;
  const c = bytes[2] ?? 0;
  const d = bytes[3] ?? 0;
  const number = (a << 24) | (b << 16) | (c << 8) | d;
  const known = texts.get(number);
  if (known !== undefined) return known;
  if (texts.size >= TEXTS_MAX) texts.clear();
  const text = `${a}.${b}.${c}.${d}`;
  texts.set(number, text);
  return text;
}

/** `bytes` of 4 or 16, in network order; '' for a peer without an address (unix socket). IPv4-mapped addresses become IPv4. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === IPV4_BYTES) return formatIpv4(bytes);
  if (bytes.length !== IPV6_BYTES) return '';
  return isMapped(bytes) ? formatAddress(bytes.subarray(12)) : formatIpv6(bytes);
}

export function isLoopbackAddress(ip: string): boolean {
  return ip === '::1' || ip.startsWith(`${LOOPBACK_NET}.`);
}

export interface PeerAddress {
  readonly ip: string;
  readonly loopback: boolean;
}

/** Asks the kernel. */
export function readAddress(response: Pick<HttpResponse, 'getRemoteAddress'>): PeerAddress {
  const ip = formatAddress(new Uint8Array(response.getRemoteAddress()));
  return { ip, loopback: isLoopbackAddress(ip) };
}

/** What a listener knows of its clients' certificates. */
export interface ListenerEvidence {
  readonly tls: boolean;
  readonly handshakeBundle: string;
}

export function readPeerEvidence(response: HttpResponse, address: PeerAddress, headers: HeaderIntake, { tls, handshakeBundle }: ListenerEvidence, agent: string, env: string): PeerEvidence {
  return {
    ip: address.ip,
    loopback: address.loopback,
    tls,
    handshakeBundle,
    certificatePem: tls ? response.getX509Certificate?.() ?? '' : '',
    authorization: headers.authorization,
    declaredSpiffeId: headers.spiffeId,
    declaredAgent: agent,
    declaredEnv: env,
  };
}
