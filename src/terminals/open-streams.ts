// The streams that would never end by themselves: when the gateway stops, their clients are to see a proper end.

export class OpenStreams {
  readonly #ends = new Set<() => void>();
  #over = false;

  /** From `endAll` on a stream ends as soon as it has begun: one that waits for its first line then would hold up the gateway's end. */
  add(end: () => void): void {
    if (this.#over) end();
    else this.#ends.add(end);
  }

  delete(end: () => void): void {
    this.#ends.delete(end);
  }

  endAll(): void {
    this.#over = true;
    for (const end of [...this.#ends]) end();
  }
}
