// What a reader may be asked for, apart from the reading: a command line that only names it loads nothing else.

export interface AuditFilter {
  /** Every one given must hold. `decision` is ALLOW or DENY. */
  readonly caller?: string;
  readonly tool?: string;
  readonly method?: string;
  readonly decision?: string;
  readonly code?: string;
  /** The session's id, or what it is shown as: the beginning of its key. */
  readonly session?: string;
  readonly trace?: string;
  /** `request` unless given. */
  readonly type?: string;
}

/** The newest `count` lines that match, or those since a time. */
export type AuditSpan = { readonly kind: 'count'; readonly count: number } | { readonly kind: 'since'; readonly sinceMs: number };

/** Filter key → the line's member. */
export const FILTER_MEMBERS = { caller: 'spiffe_id', tool: 'tool', method: 'method', decision: 'decision', code: 'code', session: 'session_id', trace: 'trace_id' } as const;

export class AuditLogMissing extends Error {
  override readonly name = 'AuditLogMissing';
  readonly dir: string;

  constructor(dir: string) {
    super(`there is no audit log in ${dir}.`);
    this.dir = dir;
  }
}
