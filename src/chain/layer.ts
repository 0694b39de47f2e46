// What a layer is: it sees the facts it needs, writes the facts it adds, and says a verdict. Order errors don't compile.
import type { Context, Fact, Facts } from './context.js';
import type { Deny, Verdict } from './verdict.js';

/** The context as one layer sees it: `Needs` present, `Adds` writable, every other fact perhaps absent and read-only. */
export type Ctx<Needs extends Fact = never, Adds extends Fact = never> = Omit<Context, Fact> & {
  readonly [F in Exclude<Fact, Needs | Adds>]: Facts[F] | undefined;
} & { readonly [F in Needs]: Facts[F] } & { [F in Adds]: Facts[F] | undefined };

export interface Layer<Needs extends Fact = never, Adds extends Fact = never> {
  /** 1–13; the step that errors and audit name. 0 = admission, which has no verdict of its own in the record. */
  readonly step: number;
  readonly name: string;
  /** A step between two layers: it shows in the record only by its refusal or fault, under `step`. */
  readonly unnumbered?: true;
  /** The verdict when this layer throws or rejects: the same in every profile. */
  readonly onFault: Deny;
  /** A property, not a method: methods are compared bivariantly, and a layer that needs more than there is would pass. */
  readonly decide: (ctx: Ctx<Needs, Adds>) => Verdict | Promise<Verdict>;
}

/** A layer with its types forgotten, as the runner holds it. */
export interface AnyLayer {
  readonly step: number;
  readonly name: string;
  readonly unnumbered?: true;
  readonly onFault: Deny;
  decide(ctx: Context): Verdict | Promise<Verdict>;
}

/** An ordered list of layers; `Known` is what has been written so far. */
export class Chain<Known extends Fact = never> {
  readonly layers: readonly AnyLayer[];

  constructor(layers: readonly AnyLayer[] = []) {
    this.layers = layers;
  }

  push<Needs extends Known, Adds extends Fact = never>(layer: Layer<Needs, Adds>): Chain<Known | Adds> {
    // The types above are the proof that every needed fact is present when this layer runs.
    return new Chain<Known | Adds>([...this.layers, layer as unknown as AnyLayer]);
  }
}
