// What a client offers that asks for a WebSocket, and whether it is one this gateway speaks (RFC 6455, section 4.2.1).
import type { HeaderPairs } from './types.js';
import type { HttpRequest } from './uws-types.js';

/** What MCP clients speak over a WebSocket, and no other protocol: none offered, or others alone, could be anything. */
export const SUBPROTOCOL = 'mcp';
const VERSION = '13';
const BAD_REQUEST = 400;
const UPGRADE_REQUIRED = 426;
/** Base64 of 16 bytes; with two keys in two lines it is none. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/** Header values; repeated lines are joined by ", ". '' = absent. */
export interface WebSocketOffer {
  readonly connection: string;
  readonly key: string;
  readonly version: string;
  readonly protocols: string;
}

export interface OfferRefusal {
  readonly status: number;
  readonly headers: HeaderPairs;
  readonly message: string;
}

function namesToken(list: string, token: string): boolean {
  return list.split(',').some((part) => part.trim().toLowerCase() === token);
}

/** Of an Upgrade header. */
export function asksForWebSocket(upgrade: string): boolean {
  return upgrade !== '' && namesToken(upgrade, 'websocket');
}

export function readOffer(request: Pick<HttpRequest, 'forEach'>): WebSocketOffer {
  const offer = { connection: '', key: '', version: '', protocols: '' };
  const join = (before: string, value: string): string => (before === '' ? value : `${before}, ${value}`);
  request.forEach((name, value) => {
    switch (name) {
      case 'connection': offer.connection = join(offer.connection, value); return;
      case 'sec-websocket-key': offer.key = join(offer.key, value); return;
      case 'sec-websocket-version': offer.version = join(offer.version, value); return;
      case 'sec-websocket-protocol': offer.protocols = join(offer.protocols, value); return;
    }
  });
  return offer;
}

/** Undefined = welcome. */
export function judgeOffer(offer: WebSocketOffer): OfferRefusal | undefined {
  const bad = (message: string): OfferRefusal => ({ status: BAD_REQUEST, headers: [], message });
  if (!namesToken(offer.connection, 'upgrade')) return bad('A WebSocket needs the header Connection: Upgrade.');
  if (!KEY.test(offer.key)) return bad('A WebSocket needs one Sec-WebSocket-Key, 16 bytes in base64.');
  if (offer.version !== VERSION) return { status: UPGRADE_REQUIRED, headers: [['sec-websocket-version', VERSION]], message: `WebSocket version ${VERSION} is the one spoken here.` };
  // Names of subprotocols are compared exactly (RFC 6455, section 4.1).
  if (!offer.protocols.split(',').some((part) => part.trim() === SUBPROTOCOL)) return bad(`Offer the subprotocol ${SUBPROTOCOL}: Sec-WebSocket-Protocol: ${SUBPROTOCOL}.`);
  return undefined;
}
