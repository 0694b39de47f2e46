// Requests that go on though their client is gone, as a call in a legacy session may: no connection shows any more that they are under way.
import type { LossCause } from '../front/types.js';

export interface UnattendedRequest {
  lose(cause: LossCause): void;
}

export class Unattended {
  readonly #requests = new Set<UnattendedRequest>();
  #lostTo: LossCause | undefined;
  #onNone: (() => void) | undefined;

  get size(): number {
    return this.#requests.size;
  }

  add(request: UnattendedRequest): void {
    this.#requests.add(request);
    if (this.#lostTo !== undefined) request.lose(this.#lostTo);
  }

  /** Its record is written. */
  remove(request: UnattendedRequest): void {
    this.#requests.delete(request);
    if (this.#requests.size === 0) this.#onNone?.();
  }

  /** Ends all of them, and from now on whoever is added at once. */
  lose(cause: LossCause): void {
    this.#lostTo = cause;
    for (const request of [...this.#requests]) request.lose(cause);
  }

  /** Called whenever none is left. */
  onNone(listener: () => void): void {
    this.#onNone = listener;
  }
}
