// What still comes of a body that is refused. A connection that is closed with bytes unread is reset, and a client that sends its body before it reads never
// sees the refusal (RFC 9112, section 9.6): so the rest is read and dropped, as long as it comes, and up to a bound.

const DROPPED_BYTES_MAX = 64 * 1024 * 1024;
/** At four looks a second: ten seconds, or one in which nothing comes, of a client that waits for its answer. */
const LOOKS_MAX = 40;
const QUIET_LOOKS_MAX = 4;

export class BodyRest {
  #bytes = 0;
  #bytesBefore = 0;
  #looks = 0;
  #quietLooks = 0;

  /** True = more would be dropped for nobody. */
  drop(bytes: number): boolean {
    this.#bytes += bytes;
    return this.#bytes > DROPPED_BYTES_MAX;
  }

  /** To be called at even intervals. True = the rest is not waited for any longer. */
  look(): boolean {
    this.#looks += 1;
    this.#quietLooks = this.#bytes === this.#bytesBefore ? this.#quietLooks + 1 : 0;
    this.#bytesBefore = this.#bytes;
    return this.#quietLooks >= QUIET_LOOKS_MAX || this.#looks >= LOOKS_MAX;
  }
}
