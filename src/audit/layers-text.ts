// The 13 layers of a request's line: most of their text is ready before the request comes.
import { LAYER_NAMES } from '../base/errors/table.js';
import { flat, quote, tenthsText } from './json-text.js';

/** Index = the code kept per layer while a request runs. */
export const VERDICT_NAMES = ['not_reached', 'pass', 'flag', 'deny', 'fault', 'skipped'] as const;
const UNKNOWN_VERDICT = 'fault'; // never a pass

/** A note is a machine word or a short reason, never content. */
export const NOTE_CHARS_MAX = 256;

export interface LayerFacts {
  /** 13 verdict codes, index = step − 1. */
  readonly verdicts: ArrayLike<number>;
  /** 13 times in µs; fractions are kept to a tenth. */
  readonly us: ArrayLike<number>;
  /** 13 optional notes: reason code, `skipped` reason, which hash matched. Never content. */
  readonly notes: ArrayLike<string | undefined>;
}

/** A layer with its verdict and note; only the time between `before` and `after` is still open. */
export interface LayerShape {
  readonly verdict: number;
  readonly note: string | undefined;
  readonly before: string;
  readonly after: string;
  /** The whole element by tenths of a microsecond, made when it is first needed. */
  readonly timed: (string | undefined)[];
}

const SHORT_TENTHS = 256; // most layers take less than 25.6 µs
const SHAPES_MAX = 128; // notes are machine words, the same few again and again; should they not be, the table is emptied when it is full

/** Per layer the shape it had last, and all of them by layer, verdict and note. */
const last: (LayerShape | undefined)[] = LAYER_NAMES.map(() => undefined);
const shapes = new Map<string, LayerShape>();

/** Adds the elements of `layers_traversed` to a text. */
export function addLayers(text: string, { verdicts, us, notes }: LayerFacts): string {
  let out = text;
  for (let i = 0; i < LAYER_NAMES.length; i++) {
    out += timed(layerShape(i, verdicts[i] ?? 0, notes[i]), us[i] ?? 0);
  }
  return out;
}

/** Of the layer at index `i`; the same object for the same verdict and note, as long as it is remembered. */
export function layerShape(i: number, verdict: number, note: string | undefined): LayerShape {
  const known = last[i];
  return known !== undefined && known.verdict === verdict && known.note === note ? known : shapeOf(i, verdict, note);
}

function timed(shape: LayerShape, us: number): string {
  const rounded = us * 10 + 0.5;
  if (!(rounded >= 0 && rounded < SHORT_TENTHS)) return shape.before + tenthsText(us) + shape.after;
  const tenths = Math.trunc(rounded);
  return (shape.timed[tenths] ??= flat(shape.before + tenthsText(tenths / 10) + shape.after));
}

function shapeOf(i: number, verdict: number, note: string | undefined): LayerShape {
  if (note !== undefined && note.length > NOTE_CHARS_MAX) return makeShape(i, verdict, note); // not worth keeping
  const key = `${i} ${verdict} ${note ?? ''}`;
  let shape = shapes.get(key);
  if (shape === undefined) {
    if (shapes.size >= SHAPES_MAX) shapes.clear();
    shape = makeShape(i, verdict, note);
    shapes.set(key, shape);
  }
  last[i] = shape;
  return shape;
}

function makeShape(i: number, verdict: number, note: string | undefined): LayerShape {
  const name = VERDICT_NAMES[verdict] ?? UNKNOWN_VERDICT;
  const before = flat(`${i === 0 ? '' : ','}{"step":${i + 1},"name":"${LAYER_NAMES[i] ?? ''}","verdict":"${name}","us":`);
  return { verdict, note, before, after: note === undefined || note === '' ? '}' : flat(`,"note":${quote(note, NOTE_CHARS_MAX)}}`), timed: [] };
}
