// The response firewall: what every message from a tool server crosses before it may reach the agent, in this order.
import type { GuardLimits, JsonGuard } from '../base/json/types.js';
import { deny } from '../chain/verdict.js';
import type { DlpScanner, LocatedFinding } from '../engines/dlp/types.js';
import { screenMessage } from './02-response-scan.js';
import type { Scrub } from './03-scrub-secrets.js';
import type { Screened } from './scanned.js';

export interface ResponseFirewall {
  /**
   * `escapes`: known where these very bytes passed the JSON guard a moment ago. Throws nothing: a message that can't be read to its end is blocked.
   * The bytes of one that is read in the pool must stay as they are until the promise settles.
   */
  screen(bytes: Uint8Array, escapes?: boolean): Screened | Promise<Screened>;
  /** An event's lines beside its data: a client reads them, too, and no message is hidden in a comment or an id. */
  screenFraming(framing: Uint8Array): { readonly keep: boolean; readonly findings: readonly LocatedFinding[] };
  /** Why a word of the server's, such as a method, may not be repeated elsewhere: names of rules, or that it is a secret. Mostly empty. */
  unfit(word: string): readonly string[];
}

const FRAMING_BYTES_MAX = 4096; // ids and keep-alives are short
const NO_FINDINGS: readonly LocatedFinding[] = Object.freeze([]);
const NOTHING_UNFIT: readonly string[] = Object.freeze([]);
/** Or what is too long to be read, or takes too much: nobody knows then. */
const A_SECRET: readonly string[] = Object.freeze(['secret']);
/** What can't be scanned is withheld, as where a scan in the pool fails: it is the answer's fault, not the gateway's. */
const UNREADABLE: Screened = Object.freeze({ kind: 'block', refusal: deny('response_blocked', { reasonCode: 'scan_failed' }), findings: NO_FINDINGS });
/** What nearly every event is framed with. */
const PLAIN_FRAMING: ReadonlySet<string> = new Set(['data: \n\n', 'event: message\ndata: \n\n', 'data: \r\n\r\n', 'event: message\r\ndata: \r\n\r\n']);

/** `scrub` knows the secrets that went upstream. Tool lists cross 01-tool-list-filter first, where they are put together. */
export function createResponseFirewall(rules: DlpScanner, guard: JsonGuard, limits: GuardLimits, scrub: Scrub): ResponseFirewall {
  const scan = (bytes: Uint8Array, escapes: boolean | undefined): Screened | Promise<Screened> => {
    try {
      return screenMessage(bytes, escapes, rules, guard, limits);
    } catch {
      return UNREADABLE;
    }
  };
  // Apart from its caller, which would make a function for every message.
  const scanLater = (scrubbing: Promise<Uint8Array>, bytes: Uint8Array, escapes: boolean | undefined): Promise<Screened> =>
    scrubbing.then((scrubbed) => scan(scrubbed, scrubbed === bytes ? escapes : undefined), () => UNREADABLE);
  const screenFraming: ResponseFirewall['screenFraming'] = (framing) => {
    if (framing.length > FRAMING_BYTES_MAX) return { keep: false, findings: NO_FINDINGS };
    const text = Buffer.from(framing.buffer, framing.byteOffset, framing.byteLength).toString('utf8');
    if (PLAIN_FRAMING.has(text)) return { keep: true, findings: NO_FINDINGS };
    try {
      const findings = rules.scanText(text, 'sse');
      return { keep: !scrub.isNeededFor(framing) && findings.every((finding) => finding.action === 'flag'), findings };
    } catch {
      return { keep: false, findings: NO_FINDINGS };
    }
  };
  return {
    screen(bytes, escapes) {
      let scrubbed: Uint8Array | Promise<Uint8Array>;
      try {
        scrubbed = scrub.message(bytes); // first: an echoed secret is cut out quietly, not reported as a finding of the tool's own
      } catch {
        return UNREADABLE;
      }
      return scrubbed instanceof Promise ? scanLater(scrubbed, bytes, escapes) : scan(scrubbed, scrubbed === bytes ? escapes : undefined);
    },
    screenFraming,
    unfit(word) {
      const { keep, findings } = screenFraming(Buffer.from(word));
      if (keep) return NOTHING_UNFIT;
      const found = findings.filter((finding) => finding.action !== 'flag').map((finding) => finding.rule);
      return found.length === 0 ? A_SECRET : found;
    },
  };
}
