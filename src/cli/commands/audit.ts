// agw audit: finds, follows, explains and verifies what the gateway recorded. Reads the files themselves: it works without a gateway.
import type { AuditRecord } from '../../audit/types.js';
import { reasonText } from '../../base/errors/reasons.js';
import { ERRORS, isErrorCode } from '../../base/errors/table.js';
import { followAudit } from '../audit-follow.js';
import { withAuditDir } from '../audit-log.js';
import { filterOf, FILTER_OPTIONS, parseCount, parseSpan } from '../audit-query.js';
import { followedTable, paintDecision, recordTable } from '../audit-table.js';
import { given, type CommandContext, type CommandSpec } from '../command.js';
import { CliFailure, type ExitCode } from '../failure.js';
import { LAYERS_LEGEND, layersTall } from '../layers-view.js';
import { shownTime, plural, printAnswer, printJsonText, shortHash } from '../printing.js';
import { listOf, member, numberOf, recordOf, textOf, textsOf } from '../reading.js';
import { renderFields } from '../table.js';
import { printable, type Colors } from '../terminal.js';

const LAST_DEFAULT = '20';
const TAIL_DEFAULT = '10';

export const auditCommands: readonly CommandSpec[] = [
  {
    path: 'audit search',
    summary: 'Recorded requests, oldest first, with decision and all 13 layers',
    detail: 'A table on a terminal, JSON lines when piped.',
    options: [
      { flags: '--last <count-or-window>', about: `the newest requests: a count (20), or a window (5m, 24h, 7d); default ${LAST_DEFAULT}` },
      ...FILTER_OPTIONS,
      { flags: '--wide', about: 'nothing cut: whole ids, latency, risk, hash' },
    ],
    examples: [
      'agw audit search --caller spiffe://poc.local/agents/mcp-client/my-agent/dev',
      'agw audit search --last 1 | jq .',
      'agw audit search --last 24h --decision DENY --code authz_policy_denied',
    ],
    negative: 'nothing was found',
    run: search,
  },
  {
    path: 'audit verify',
    summary: 'Recompute the hash chain over every line of every file',
    examples: ['agw audit verify', 'agw audit verify --json'],
    negative: 'the chain is broken; file, line, byte and sequence number say where',
    run: verify,
  },
  {
    path: 'audit tail',
    summary: 'Follow requests as they are recorded',
    detail: 'Whole records, with all 13 layers. For one short line per request: agw inspect traffic --follow.',
    options: [{ flags: '--last <count>', about: `show this many older ones first (default ${TAIL_DEFAULT})` }, ...FILTER_OPTIONS],
    examples: ['agw audit tail', 'agw audit tail --decision DENY --json'],
    run: tail,
  },
  {
    path: 'audit explain',
    summary: 'One decision: who, what, each layer with its time, the findings, and what to do about a refusal',
    detail: 'Also a call without an outcome: one under way, or one that a crash left unresolved.',
    arguments: [{ name: '<decision-id>', about: 'from a refusal or a record: the whole id, or its beginning as far as it is unique; a trace id will do' }],
    examples: ['agw audit explain "$(agw audit search --last 1 | jq -r .decision_id)"'],
    negative: 'there is no such decision',
    run: explain,
  },
];

async function search(context: CommandContext): Promise<ExitCode> {
  const { searchAudit } = await import('../../audit/reader/search.js');
  const { systemClock } = await import('../../base/clock/clock.js');
  const span = parseSpan(context.option('last') ?? LAST_DEFAULT, systemClock.nowMs());
  const found = await withAuditDir(context.project, (dir) => searchAudit(dir, filterOf(context), span));
  if (found.length === 0) throw new CliFailure('nothing was found.', { exitCode: 1, code: 'not_found' });
  const { terminal } = context;
  const type = context.option('type');
  if (wantsLines(context)) found.forEach((record) => printJsonText(context, recordLine(record)));
  else terminal.print([recordTable(found, type, context.flag('wide'), terminal), ...(type === undefined || type === 'request' ? [terminal.colors.dim(LAYERS_LEGEND)] : [])].join('\n\n'));
  return 0;
}

/** JSON lines for machines: asked for, or piped. */
function wantsLines({ json, terminal }: CommandContext): boolean {
  return json || !terminal.isTty;
}

/** The line as it stands in the file, so that its hash can be computed again; with what belongs to it, if anything does. */
function recordLine({ text, line, related }: AuditRecord): string {
  return related.length === 0 ? text : JSON.stringify({ ...recordOf(line), related });
}

async function verify(context: CommandContext): Promise<ExitCode> {
  const { verifyAudit } = await import('../audit-verify.js');
  const result = await verifyAudit(context.project);
  const { colors } = context.terminal;
  printAnswer(context, result, () => {
    if (result.kind === 'intact') context.terminal.print(`${colors.green('✓')} intact: ${plural(result.lines, 'line')} in ${plural(result.files, 'file')}, last hash ${result.lastHash}`);
    else context.terminal.print(`${colors.red('✗')} broken at ${printable(result.file)}:${result.line} (byte ${result.byte}${result.seq === undefined ? '' : `, seq ${result.seq}`}): ${result.problem}: ${printable(result.detail)}`);
  });
  return result.kind === 'intact' ? 0 : 1;
}

async function tail(context: CommandContext): Promise<ExitCode> {
  const count = parseCount(context.option('last') ?? TAIL_DEFAULT);
  const filter = filterOf(context);
  const { terminal } = context;
  const table = wantsLines(context) ? undefined : followedTable(context.option('type'), terminal);
  if (table !== undefined) terminal.print(table.head);
  await followAudit(context.project, filter, count, (record) => (table === undefined ? printJsonText(context, recordLine(record)) : terminal.print(table.row(record.line))));
  return 0;
}

async function explain(context: CommandContext): Promise<ExitCode> {
  const { findDecision, ID_PREFIX_LENGTH_MIN } = await import('../../audit/reader/explain.js');
  const id = given(context.argument(0));
  const found = await withAuditDir(context.project, (dir) => findDecision(dir, id));
  if (found.kind === 'none') throw new CliFailure(`the audit log has no decision ${id}.`, { exitCode: 1, code: 'not_found', remedy: `See whole ids with: agw audit search --wide; their first ${ID_PREFIX_LENGTH_MIN} characters or more will do.` });
  if (found.kind === 'ambiguous') throw new CliFailure(`${id} begins the ids of several decisions, newest first:\n${found.ids.join('\n')}`, { code: 'ambiguous_id', remedy: 'Type more of the one you mean.' });
  const { line, related } = found.record;
  const advice = adviceOf(line);
  printAnswer(context, { record: line, related, explanation: advice }, () => {
    const { colors } = context.terminal;
    const parts = [headline(line, colors), renderFields(factsOf(line), colors), layersTall(line, colors), findingsText(line, colors), relatedText(related, colors), adviceText(advice, colors)];
    context.terminal.print(parts.filter((part) => part !== '').join('\n\n'));
  });
  return 0;
}

function headline(line: unknown, colors: Colors): string {
  const code = textOf(line, 'code');
  const reason = textOf(line, 'reason_code');
  const call = [textOf(line, 'method'), textOf(line, 'tool')].filter((part) => part !== '').map(printable).join(' ');
  return `${paintDecision(textOf(line, 'decision') || textOf(line, 'type'), colors)}${code === '' ? '' : ` ${colors.bold(printable(code))}`}${reason === '' ? '' : ` (${printable(reason)})`}: ${call === '' ? 'not a readable message' : call}`;
}

function factsOf(line: unknown): (readonly [string, string])[] {
  const fields: (readonly [string, string])[] = [
    ['caller', `${textOf(line, 'spiffe_id') || 'unidentified'}${textOf(line, 'auth_method') === '' ? '' : ` by ${textOf(line, 'auth_method')}`}`],
    ['time', shownTime(textOf(line, 'timestamp'))],
    ['answer', textOf(line, 'status') === '' ? '' : `HTTP ${textOf(line, 'status')} after ${((numberOf(line, 'latency_us') ?? 0) / 1000).toFixed(1)} ms`],
    ['server', textOf(line, 'server')],
    ['risk score', textOf(line, 'risk_score')],
    ['arguments', textOf(line, 'arguments_digest')],
    ['policy', shortHash(textOf(line, 'policy_digest'))],
    ['registry', shortHash(textOf(line, 'registry_digest'))],
    ['controls', Object.entries(recordOf(member(line, 'framework_refs'))).map(([name, refs]) => `${name} ${String(refs)}`).join('; ') || textsOf(line, 'framework_refs').join(', ')],
    ['decision id', textOf(line, 'decision_id')],
    ['trace', textOf(line, 'trace_id')],
    ['line', `${textOf(line, 'seq')}, hash ${textOf(line, 'hash')}`],
  ];
  return fields.filter(([, value]) => value !== '').map(([key, value]) => [key, printable(value)] as const);
}

function findingsText(line: unknown, colors: Colors): string {
  return listOf(line, 'findings')
    .map((finding) => `${colors.yellow('!')} ${printable(`${textOf(finding, 'rule')} (${textOf(finding, 'category')}, ${textOf(finding, 'action')}) at ${textOf(finding, 'path')}: ${textOf(finding, 'sample')}`)}`)
    .join('\n');
}

/** What a stream brought, and what its server asked meanwhile, stands on lines of its own: so do the findings there. */
function relatedText(related: readonly unknown[], colors: Colors): string {
  return related.map((line) => {
    const head = printable(`${textOf(line, 'type')}: ${[shownTime(textOf(line, 'timestamp')), `line ${textOf(line, 'seq')}`, ...outcomeOf(line)].join(', ')}`);
    return [head, findingsText(line, colors)].filter((part) => part !== '').join('\n');
  }).join('\n');
}

function outcomeOf(line: unknown): string[] {
  const bytes = numberOf(line, 'bytes');
  const asked = textOf(line, 'type') === 'server_request' ? [textOf(line, 'method'), textOf(line, 'decision')] : [];
  const parts = [...asked, textOf(line, 'code'), ...(bytes === undefined ? [] : [plural(numberOf(line, 'messages') ?? 0, 'message'), plural(bytes, 'byte')])];
  return parts.filter((part) => part !== '');
}

interface Advice {
  readonly code: string;
  readonly layer: string;
  readonly says: string;
  readonly remedy: string;
  readonly retryable: boolean;
}

/** Calls without a request line. */
const OUTCOMES: Readonly<Record<string, Omit<Advice, 'code' | 'layer' | 'retryable'>>> = {
  unresolved: {
    says: 'The gateway ended after this call may have been sent to its server, and before the outcome was recorded: nobody here knows whether it was done.',
    remedy: 'Ask the server\'s operator, or look at what the tool changes, before the call is repeated.',
  },
  intent: { says: 'This call is under way: its outcome is not recorded yet.', remedy: 'Look again once it has ended. If the gateway has ended meanwhile, its next start says that the call is unresolved.' },
};

function adviceOf(line: unknown): Advice | null {
  const outcome = OUTCOMES[textOf(line, 'type')];
  if (outcome !== undefined) return { code: textOf(line, 'type'), layer: '14 mcp_transport', retryable: false, ...outcome };
  const code = textOf(line, 'code');
  if (!isErrorCode(code)) return null;
  const row = ERRORS[code];
  const { message, remediation } = reasonText(code, textOf(line, 'reason_code')) ?? row;
  return { code, layer: `${row.step} ${row.middleware}`, says: message, remedy: remediation, retryable: row.retryable };
}

function adviceText(advice: Advice | null, colors: Colors): string {
  if (advice === null) return '';
  return `${advice.says}${advice.retryable ? ' The same call may succeed later.' : ''}\n${colors.bold('→')} ${advice.remedy}`.trim();
}
