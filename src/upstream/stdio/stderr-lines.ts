// What a process says on stderr, for the operational log: bounded, rate-limited, and without the secrets it was given.

const LINES_PER_WINDOW_MAX = 20;
const WINDOW_MS = 10_000; // enough for a start's words; what floods is counted
export const SECRET_LENGTH_MIN = 6; // shorter values are words of every text
const WITHHELD = '(a line with a secret in it)';

export const LINE_BYTES_MAX = 2_048; // of one line

export class StderrLines {
  readonly #nowMs: () => number;
  readonly #secrets: () => readonly string[];
  readonly #holdsSecret: (text: string) => boolean;
  readonly #tell: (line: string, leftOut: number) => void;
  #windowMs = 0;
  #said = 0;
  #leftOut = 0;

  /** `secrets`: masked where they stand as they are. `holdsSecret`: asked of what is left, as programs print what they get in JSON or in base64; may throw. */
  constructor(nowMs: () => number, secrets: () => readonly string[], holdsSecret: (text: string) => boolean, tell: (line: string, leftOut: number) => void) {
    this.#nowMs = nowMs;
    this.#secrets = secrets;
    this.#holdsSecret = holdsSecret;
    this.#tell = tell;
  }

  push(line: Buffer): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#windowMs >= WINDOW_MS) {
      this.#windowMs = nowMs;
      this.#said = 0;
    }
    if (this.#said >= LINES_PER_WINDOW_MAX) {
      this.#leftOut += 1;
      return;
    }
    this.#said += 1;
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    this.#tell(this.#fitForLog(this.#masked(line.toString('utf8', 0, LINE_BYTES_MAX))), leftOut);
  }

  #fitForLog(text: string): string {
    try {
      return this.#holdsSecret(text) ? WITHHELD : text;
    } catch {
      return WITHHELD; // it takes too much to read
    }
  }

  #masked(text: string): string {
    return this.#secrets().filter((secret) => secret.length >= SECRET_LENGTH_MIN).reduce((masked, secret) => withoutStartOf(secret, masked.replaceAll(secret, '***')), text);
  }
}

/** A line that was cut may end within a secret. */
function withoutStartOf(secret: string, text: string): string {
  for (let length = Math.min(secret.length - 1, text.length); length >= SECRET_LENGTH_MIN; length -= 1) if (text.endsWith(secret.slice(0, length))) return `${text.slice(0, -length)}***`;
  return text;
}
