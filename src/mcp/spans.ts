// The values of one message, read at the spans the JSON guard found.
import { KnownTexts } from '../base/text/known-texts.js';

const QUOTE = 0x22;
const BRACE = 0x7b;

const texts = new KnownTexts();

/** Reads values by slot; a slot of width 0 is absent. */
export class Spans {
  readonly view: Buffer;
  readonly out: Uint32Array;

  constructor(bytes: Uint8Array, out: Uint32Array) {
    this.view = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.out = out;
  }
  from(slot: number): number {
    return this.out[2 * slot] ?? 0;
  }
  to(slot: number): number {
    return this.out[2 * slot + 1] ?? 0;
  }
  width(slot: number): number {
    return this.to(slot) - this.from(slot);
  }
  has(slot: number): boolean {
    return this.to(slot) !== 0;
  }
  isObject(slot: number): boolean {
    return this.view[this.from(slot)] === BRACE;
  }
  isString(slot: number): boolean {
    return this.view[this.from(slot)] === QUOTE;
  }
  raw(slot: number): string {
    return this.view.toString('utf8', this.from(slot), this.to(slot));
  }
  /** The decoded string, or undefined if the value is absent or no string. */
  text(slot: number): string | undefined {
    if (!this.has(slot) || !this.isString(slot)) return undefined;
    const inner = texts.read(this.view, this.from(slot) + 1, this.to(slot) - 1);
    return inner.includes('\\') ? (JSON.parse(`"${inner}"`) as string) : inner;
  }
}
