// What the response firewall says of one message from a tool server.
import type { LocatedFinding } from '../engines/dlp/types.js';
import type { Deny } from '../chain/verdict.js';

export type Screened =
  /** `bytes` may be released; they are the very bytes that came unless something had to be cut out. */
  | { readonly kind: 'release'; readonly bytes: Uint8Array; readonly findings: readonly LocatedFinding[] }
  | { readonly kind: 'block'; readonly refusal: Deny; readonly findings: readonly LocatedFinding[] };
