// Puts the lines of requests together where they are sent from, natively: no text is made of them on the way. They are those of requestLine, byte by byte.
import { LAYER_NAMES } from '../base/errors/table.js';
import { isoMicros } from './json-text.js';
import { type LayerShape, layerShape } from './layers-text.js';
import { loadNativeLines, type NativeLines } from './native-lines.js';
import { decisionText, outcomeText, type RequestLineFacts, rulesText, whoAndWhat } from './record.js';

// Runs: texts that neighbouring lines share.
const SECOND = 0;
const WHO = 1;
const DECISION = 2;
const OUTCOME = 3;
const RULES = 4;
const BEFORE = 5; // of each layer, up to its time
const AFTER = BEFORE + LAYER_NAMES.length;

// Numbers.
const RECEIVED = 0;
const DECIDED = 1;
const RESPONDED = 2;
const LATENCY = 3;
const LAYER_US = 4;

const DECISION_ID_CHARS = 36;
const TRACE_ID_CHARS = 32;
const SPAN_ID_CHARS = 16;
const US_PER_S = 1_000_000;
const SECOND_CHARS = '2026-01-01T00:00:00.'.length;
const NO_LINE = -1;

export class RequestLines {
  readonly #native: NativeLines;
  readonly #writer: object;
  readonly #numbers = new Float64Array(LAYER_US + LAYER_NAMES.length);
  /** What the writer holds. */
  readonly #runs: string[] = ['', '', '', '', ''];
  readonly #shapes: (LayerShape | undefined)[] = LAYER_NAMES.map(() => undefined);
  #second = -1;

  constructor(native: NativeLines) {
    this.#native = native;
    this.#writer = native.openRequest();
  }

  /** Bytes of the line, written into `ring` from `at` on, where so much `room` is; -1 = nothing was, and requestLine has to make it: unusual ids or times, no room. */
  write(r: RequestLineFacts, ring: Buffer, at: number, room: number): number {
    const { decisionId, traceId, spanId, argumentsDigest, layers: { us, verdicts, notes } } = r;
    if (decisionId.length !== DECISION_ID_CHARS || traceId.length !== TRACE_ID_CHARS || spanId.length !== SPAN_ID_CHARS || argumentsDigest === '') return NO_LINE;
    const numbers = this.#numbers;
    for (let i = 0; i < LAYER_NAMES.length; i++) {
      const shape = layerShape(i, verdicts[i] ?? 0, notes[i]);
      if (shape !== this.#shapes[i]) this.#setLayer(i, shape);
      numbers[LAYER_US + i] = us[i] ?? 0;
    }
    const second = Math.floor(r.respondedUs / US_PER_S);
    if (second !== this.#second) this.#setSecond(second);
    numbers[RECEIVED] = r.receivedUs;
    numbers[DECIDED] = r.decidedUs;
    numbers[RESPONDED] = r.respondedUs;
    numbers[LATENCY] = r.respondedUs - r.receivedUs;
    this.#setRun(WHO, whoAndWhat(r));
    this.#setRun(DECISION, decisionText(r));
    this.#setRun(OUTCOME, outcomeText(r));
    this.#setRun(RULES, rulesText(r));
    return this.#native.writeRequest(this.#writer, ring, at, room, decisionId + traceId + spanId + (argumentsDigest ?? ''), numbers);
  }

  #setRun(index: number, text: string): void {
    if (this.#runs[index] === text) return;
    this.#native.setRun(this.#writer, index, text);
    this.#runs[index] = text;
  }

  #setSecond(second: number): void {
    this.#native.setRun(this.#writer, SECOND, isoMicros(second * US_PER_S).slice(0, SECOND_CHARS));
    this.#second = second;
  }

  #setLayer(i: number, shape: LayerShape): void {
    this.#native.setRun(this.#writer, BEFORE + i, shape.before);
    this.#native.setRun(this.#writer, AFTER + i, shape.after);
    this.#shapes[i] = shape;
  }
}

/** Undefined on a machine without the addon. To make and send a line of 1.8 KB costs 1.1 µs, as a text 2.2 (hot, measured 2026-11-24). */
export function createRequestLines(addonFile?: string): RequestLines | undefined {
  const native = loadNativeLines(addonFile);
  return native === undefined ? undefined : new RequestLines(native);
}
