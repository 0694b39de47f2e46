// What `agw audit search` asks for, from what was typed.
import type { CommandContext, OptionSpec } from './command.js';
import { CliFailure } from './failure.js';
import { textOf } from './reading.js';

export interface AuditFilter {
  /** Every one given must hold. `decision` is ALLOW or DENY. */
  readonly caller?: string;
  readonly tool?: string;
  readonly method?: string;
  readonly decision?: string;
  readonly code?: string;
  readonly session?: string;
  readonly trace?: string;
  readonly type?: string;
}

/** The newest `count` requests, or those since a time. */
export type AuditSpan = { readonly kind: 'count'; readonly count: number } | { readonly kind: 'since'; readonly sinceMs: number };

export const FILTER_OPTIONS: readonly OptionSpec[] = [
  { flags: '--caller <spiffe-id>', about: 'calls of this identity' },
  { flags: '--tool <name>', about: 'calls of this tool' },
  { flags: '--method <method>', about: 'this MCP method' },
  { flags: '--decision <decision>', about: 'ALLOW or DENY', choices: ['ALLOW', 'DENY', 'allow', 'deny'] },
  { flags: '--code <code>', about: 'refusals with this code' },
  { flags: '--session <id>', about: 'this MCP session' },
  { flags: '--trace <id>', about: 'this W3C trace' },
  { flags: '--type <type>', about: 'lines of another type than request', choices: ['request', 'intent', 'stream_end', 'unresolved', 'server_request', 'event'] },
];

const MEMBERS = { caller: 'spiffe_id', tool: 'tool', method: 'method', decision: 'decision', code: 'code', session: 'session_id', trace: 'trace_id' } as const;

export function filterOf(context: Pick<CommandContext, 'option'>): AuditFilter {
  const keys = [...Object.keys(MEMBERS), 'type'];
  const given = keys.flatMap((key) => {
    const value = context.option(key);
    return value === undefined ? [] : [[key, key === 'decision' ? value.toUpperCase() : value] as const];
  });
  return Object.fromEntries(given);
}

export function matches(line: unknown, filter: AuditFilter): boolean {
  if (textOf(line, 'type') !== (filter.type ?? 'request')) return false;
  return Object.entries(MEMBERS).every(([key, name]) => {
    const wanted = filter[key as keyof typeof MEMBERS];
    return wanted === undefined || textOf(line, name) === wanted;
  });
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** `20`, `5m`, `24h`, `7d`. */
export function parseSpan(text: string, nowMs: number): AuditSpan {
  const found = /^([1-9]\d{0,8})([smhdw])?$/.exec(text.trim());
  if (found === null) throw new CliFailure(`--last ${text} is neither a count nor a window.`, { remedy: 'Write a count (20), or a window: 30s, 5m, 24h, 7d' });
  const count = Number(found[1]);
  const unit = UNIT_MS[found[2] ?? ''];
  return unit === undefined ? { kind: 'count', count } : { kind: 'since', sinceMs: nowMs - count * unit };
}
