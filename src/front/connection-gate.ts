// Counts the connections of one app, closes those above the bound as they open, and knows their address while they have but one.
// uWebSockets.js says of a connection that ends neither which it is nor whose: so the bound is the listener's, and requests are counted by address instead.
import { readAddress, type PeerAddress } from './peer-evidence.js';
import type { HttpResponse } from './uws-types.js';

const OPENED = 1;

export class ConnectionGate {
  readonly #max: number;
  open = 0;
  /** Closed at once. No request came of them, so no record says so. */
  refused = 0;
  /** What every open connection has for its peer's address; undefined = they differ, and do so until none is open. */
  #shared: PeerAddress | undefined = undefined;

  constructor(max: number) {
    this.#max = max;
  }

  pass(response: Pick<HttpResponse, 'close' | 'getRemoteAddress'>, change: number): void {
    if (change === OPENED) this.#learn(readAddress(response));
    this.open += change;
    if (change !== OPENED || this.open <= this.#max) return;
    this.refused += 1;
    response.close();
  }

  /** A connection that had become a WebSocket has ended: of those the library says it there alone. */
  leave(): void {
    this.open -= 1;
  }

  /**
   * Whose request this is. Agents on this host, or one proxy in front, come from one address: then the kernel need not be asked with every
   * request, which costs as much as all header lines together.
   */
  addressOf(response: Pick<HttpResponse, 'getRemoteAddress'>): PeerAddress {
    return this.#shared ?? readAddress(response);
  }

  #learn(address: PeerAddress): void {
    if (this.open === 0) this.#shared = address;
    else if (this.#shared?.ip !== address.ip) this.#shared = undefined;
  }
}
