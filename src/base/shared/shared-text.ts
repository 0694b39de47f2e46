// One text in shared memory that is changed seldom and read often: a reader looks at its version alone until that changes.
import { acquire, openLockOf, release } from './spin-lock.js';

const LOCK = 0;
const VERSION = 16; // in a cache line of its own: readers look at it all the time
const LENGTH = 17;
const HEAD_BYTES = 128;

export function createSharedText(bytesMax: number): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_BYTES + bytesMax);
}

/** The text has no room; it stays as it was. */
export class SharedTextFull extends Error {
  constructor() {
    super('a text in shared memory has no room');
    this.name = 'SharedTextFull';
  }
}

export class SharedText {
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  readonly #owner: number;

  constructor(memory: SharedArrayBuffer, owner: number) {
    this.#words = new Int32Array(memory, 0, HEAD_BYTES / Int32Array.BYTES_PER_ELEMENT);
    this.#bytes = Buffer.from(memory, HEAD_BYTES);
    this.#owner = owner;
  }

  /** 0 until it is first written. */
  get version(): number {
    return Atomics.load(this.#words, VERSION);
  }

  read(): { readonly version: number; readonly text: string } {
    acquire(this.#words, LOCK, this.#owner);
    try {
      return this.#read();
    } finally {
      release(this.#words, LOCK);
    }
  }

  /** Nobody reads or changes it meanwhile. Throws SharedTextFull. */
  change(to: (text: string) => string): { readonly version: number; readonly text: string } {
    acquire(this.#words, LOCK, this.#owner);
    try {
      const { version, text: before } = this.#read();
      const text = to(before);
      const encoded = Buffer.from(text);
      if (encoded.length > this.#bytes.length) throw new SharedTextFull();
      this.#bytes.set(encoded);
      this.#words[LENGTH] = encoded.length;
      Atomics.store(this.#words, VERSION, version + 1);
      return { version: version + 1, text };
    } finally {
      release(this.#words, LOCK);
    }
  }

  openLockOf(owner: number): void {
    openLockOf(this.#words, LOCK, owner);
  }

  #read(): { readonly version: number; readonly text: string } {
    return { version: this.version, text: this.#bytes.toString('utf8', 0, this.#words[LENGTH]) };
  }
}
