// A reference to a secret within the arguments of a call: the gateway puts the secret in, behind its last layer.
import { ConfigurationError } from './errors.js';
import { checkNames, type Names } from './option-names.js';

const REF = /^[A-Za-z0-9._-]{1,128}$/;
const SCOPE = /^[^\s,{}"\\]{1,256}$/;
const EXPIRES_IN_MAX = 9_999_999_999; // ten digits, as the gateway reads it
const SHOWN = 'SecretRef(…)';
/** Node's `inspect.custom`, so that the types need none of Node's. */
const INSPECTED: unique symbol = Symbol.for('nodejs.util.inspect.custom');

export interface SecretRefOptions {
  /** Seconds after its issue at which this use of the reference ends. */
  readonly expiresIn?: number | undefined;
  /** May only narrow the secret's own. */
  readonly scope?: string | undefined;
}

const NAMES: Names<SecretRefOptions> = { expiresIn: true, scope: true };

/** Stands in arguments for `$SPIKE{…}`; shows itself nowhere else. */
export class SecretRef {
  readonly #text: string;

  constructor(ref: string, options: SecretRefOptions = {}) {
    checkNames(options, NAMES, 'a secret reference');
    const { expiresIn, scope } = options;
    // None of the messages repeats what was given.
    if (typeof ref !== 'string' || !REF.test(ref)) throw new ConfigurationError('A secret reference is 1 to 128 letters, digits, dots, underscores and dashes: of $SPIKE{ref:…} what stands behind ref:.');
    if (expiresIn !== undefined && !(Number.isSafeInteger(expiresIn) && expiresIn >= 1 && expiresIn <= EXPIRES_IN_MAX)) throw new ConfigurationError('expiresIn of a secret reference is a whole number of seconds, 1 or more.');
    if (scope !== undefined && !(typeof scope === 'string' && SCOPE.test(scope))) throw new ConfigurationError('The scope of a secret reference is 1 to 256 characters without blanks, commas, braces, quotes and backslashes.');
    this.#text = `$SPIKE{ref:${ref}${expiresIn === undefined ? '' : `,exp:${expiresIn}`}${scope === undefined ? '' : `,scope:${scope}`}}`;
  }

  /** What goes over the wire: called where the arguments are written as JSON. */
  toJSON(): string {
    return this.#text;
  }

  toString(): string {
    return SHOWN;
  }

  [INSPECTED](): string {
    return SHOWN;
  }
}

/** `ref`: what stands behind `ref:` in the `$SPIKE{ref:…}` that `agw secret issue` prints (with `--json` its member `ref`). */
export function secretRef(ref: string, options: SecretRefOptions = {}): SecretRef {
  return new SecretRef(ref, options);
}
