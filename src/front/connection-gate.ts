// Counts the connections of one app and closes those above the bound as they open. uWebSockets.js says of a connection that ends neither which
// it is nor whose: so the bound is the listener's, and requests are counted by address instead.
import type { HttpResponse } from './uws-types.js';

const OPENED = 1;

export class ConnectionGate {
  readonly #max: number;
  open = 0;
  /** Closed at once. No request came of them, so no record says so. */
  refused = 0;

  constructor(max: number) {
    this.#max = max;
  }

  pass(response: Pick<HttpResponse, 'close'>, change: number): void {
    this.open += change;
    if (change !== OPENED || this.open <= this.#max) return;
    this.refused += 1;
    response.close();
  }
}
