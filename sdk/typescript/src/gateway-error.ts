// What every error of this package is, and the refusal of the gateway that the classes of families.ts are made of.

/** The one refusal whose remedy is the command that lifts it. */
export const APPROVAL_REQUIRED = 'stepup_approval_required';
const REFERENCE = /\$SPIKE\{[^}]*\}?/g;
const CONTROLS = /\p{Cc}+/gu;
const SHOWN_CHARS_MAX = 2_000;

/** Text of another as it may stand in a log: one line, bounded, and without a reference that it quotes. */
export function shown(text: string): string {
  return text.replaceAll(REFERENCE, '$SPIKE{…}').replaceAll(CONTROLS, ' ').slice(0, SHOWN_CHARS_MAX);
}

/** Every error that this package makes. */
export class PrecinctError extends Error {
  override readonly name: string = 'PrecinctError';

  /** JSON.stringify leaves `message` out of an Error; a log wants it. */
  toJSON(): Record<string, unknown> {
    return { ...(this as Record<string, unknown> & this), message: this.message };
  }
}

/** Not enumerable: what may repeat the call's arguments, or approves the call, is there for who asks for it, and in no log. */
export function setAside(error: PrecinctError, members: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(members)) Object.defineProperty(error, name, { value, enumerable: false });
}

/** The gateway's envelope, and how it came. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  /** 0 = admission, 1–13 = the layer, 14 = the response firewall and the way to the tool server, 15 = the gateway itself. */
  readonly step: number | undefined;
  readonly middleware: string | undefined;
  /** Which of the code's cases this is. */
  readonly reasonCode: string | undefined;
  readonly decisionId: string | undefined;
  readonly traceId: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly remediation: string | undefined;
  readonly docsUrl: string | undefined;
  /** Seconds. */
  readonly retryAfter: number | undefined;
  readonly httpStatus: number | undefined;
  /** `error.code` of the JSON-RPC error. */
  readonly rpcCode: number | undefined;
}

/** The remedy where a model may read it, too: it may have a shell, and must not be handed the command that approves its call. */
export function remedyOf({ code, remediation }: Refusal): string | undefined {
  return code === APPROVAL_REQUIRED ? undefined : remediation;
}

/** The gateway refused. One class a family extends this. */
export class GatewayError extends PrecinctError implements Refusal {
  override readonly name: string = 'GatewayError';
  readonly code: string;
  readonly step: number | undefined;
  readonly middleware: string | undefined;
  readonly reasonCode: string | undefined;
  readonly decisionId: string | undefined;
  readonly traceId: string | undefined;
  declare readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly remediation: string | undefined;
  readonly docsUrl: string | undefined;
  readonly retryAfter: number | undefined;
  readonly httpStatus: number | undefined;
  readonly rpcCode: number | undefined;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.code = refusal.code;
    this.step = refusal.step;
    this.middleware = refusal.middleware;
    this.reasonCode = refusal.reasonCode;
    this.decisionId = refusal.decisionId;
    this.traceId = refusal.traceId;
    this.remediation = refusal.remediation;
    setAside(this, { details: refusal.details, ...(remedyOf(refusal) === undefined ? { remediation: refusal.remediation } : {}) });
    this.docsUrl = refusal.docsUrl;
    this.retryAfter = refusal.retryAfter;
    this.httpStatus = refusal.httpStatus;
    this.rpcCode = refusal.rpcCode;
  }

  /** What `message` alone does not say, for who prints no more than a text. */
  override toString(): string {
    const { name, code, step, middleware, message, reasonCode, decisionId } = this;
    const remedy = remedyOf(this);
    const where = step === undefined ? '' : ` (step ${step}${middleware === undefined ? '' : `, ${middleware}`})`;
    const why = reasonCode === undefined ? '' : ` [${reasonCode}]`;
    return shown(`${name}: ${code}${where}: ${message}${why}${remedy === undefined ? '' : ` -> ${remedy}`}${decisionId === undefined ? '' : ` (decision ${decisionId})`}`);
  }
}
