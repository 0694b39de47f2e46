// Calls that wait for a connection, first come first served; one that gives up leaves at once, with its bytes.

/** A place in one line at most. */
export interface Waiting<Self> {
  /** @internal */
  before: Self | undefined;
  /** @internal */
  behind: Self | undefined;
}

export class WaitingLine<Call extends Waiting<Call>> {
  #first: Call | undefined;
  #last: Call | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get first(): Call | undefined {
    return this.#first;
  }

  push(call: Call): void {
    call.before = this.#last;
    if (this.#last === undefined) this.#first = call;
    else this.#last.behind = call;
    this.#last = call;
    this.#length += 1;
  }

  shift(): Call | undefined {
    const first = this.#first;
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Only what stands in it. */
  remove(call: Call): void {
    if (call.before === undefined) this.#first = call.behind;
    else call.before.behind = call.behind;
    if (call.behind === undefined) this.#last = call.before;
    else call.behind.before = call.before;
    call.before = call.behind = undefined;
    this.#length -= 1;
  }
}
