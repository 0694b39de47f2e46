// What `agw audit search` asks for, from what was typed.
import { parseLast } from '../audit/reader/parse-last.js';
import { FILTER_MEMBERS, type AuditFilter, type AuditSpan } from '../audit/reader/filter.js';
import { callerOption } from './caller-option.js';
import type { CommandContext, OptionSpec } from './command.js';
import { CliFailure } from './failure.js';

export const FILTER_OPTIONS: readonly OptionSpec[] = [
  { flags: '--caller <spiffe-id>', about: 'calls of this identity' },
  { flags: '--tool <name>', about: 'calls of this tool' },
  { flags: '--method <method>', about: 'this MCP method' },
  { flags: '--decision <decision>', about: 'ALLOW or DENY', choices: ['ALLOW', 'DENY', 'allow', 'deny'] },
  { flags: '--code <code>', about: 'refusals with this code' },
  { flags: '--session <id>', about: 'this MCP session: its id, or as agw inspect sessions shows it' },
  { flags: '--trace <id>', about: 'this W3C trace' },
  { flags: '--type <type>', about: 'lines of another type than request', choices: ['request', 'intent', 'stream_end', 'unresolved', 'server_request', 'event'] },
];

export function filterOf(context: Pick<CommandContext, 'option'>): AuditFilter {
  const keys = [...Object.keys(FILTER_MEMBERS), 'type'];
  const given = keys.flatMap((key) => {
    const value = key === 'caller' ? callerOption(context) : context.option(key);
    return value === undefined ? [] : [[key, key === 'decision' ? value.toUpperCase() : value] as const];
  });
  return Object.fromEntries(given);
}

/** `20`, `5m`, `24h`, `7d`. */
export function parseSpan(text: string, nowMs: number): AuditSpan {
  const span = parseLast(text, nowMs);
  if (span === undefined) throw new CliFailure(`--last ${text} is neither a count nor a window.`, { remedy: 'Write a count (20), or a window: 30s, 5m, 24h, 7d' });
  return span;
}

/** `20`: lines to come have no window that began before. */
export function parseCount(text: string): number {
  const span = parseLast(text, 0);
  if (span?.kind !== 'count') throw new CliFailure(`--last ${text} is not a count.`, { remedy: 'Write a count (20); a window (5m) is for agw audit search' });
  return span.count;
}
