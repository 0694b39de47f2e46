// agw approvals: calls that wait for a person, and that person's signed decision.
import { unseenCharacters, visibleText } from '../../engines/step-up/arguments-shown.js';
import { given, type CommandContext, type CommandSpec } from '../command.js';
import { findApproverKey } from '../approver-folder.js';
import { CliFailure, type ExitCode } from '../failure.js';
import { plural, printAnswer, shortHash, shownTime } from '../printing.js';
import { listOf, member, numberOf, recordOf, textOf } from '../reading.js';
import { renderFields, renderTable } from '../table.js';
import { printable } from '../terminal.js';

const STATES = ['pending', 'approved', 'denied', 'reserved', 'consumed', 'expired'];
const REQUEST = { name: '<request-id>', about: 'from the refusal, or from agw approvals list' };
const DECIDE_OPTIONS = [
  { flags: '--as <approver>', about: 'the approver\'s name; not needed when there is only one key here' },
  { flags: '--reason <text>', about: 'kept in the record' },
];
const EXAMPLE = 'apr-c23620ddee460283';

export const approvalsCommands: readonly CommandSpec[] = [
  {
    path: 'approvals list',
    summary: 'Approval requests',
    options: [{ flags: '--state <state>', about: 'pending (the default), or any other state, or all', choices: [...STATES, 'all'] }, { flags: '--wide', about: 'with the binding and the beginning of the arguments' }],
    examples: ['agw approvals list', 'agw approvals list --state all --json'],
    run: list,
  },
  {
    path: 'approvals show',
    summary: 'One request, with all of its arguments',
    detail: 'The arguments are shown in canonical form: keys sorted, no blanks between them. A long run of one character is written as ⟨·×450⟩ (blanks) or ⟨a×450⟩, an invisible character as its escape. Credentials and personal data are masked, with their length. Of arguments longer than 65536 characters the rest is not kept; what is missing is counted.',
    arguments: [REQUEST],
    examples: [`agw approvals show ${EXAMPLE}`, `agw approvals show ${EXAMPLE} --json`],
    negative: 'there is no such request',
    run: show,
  },
  {
    path: 'approvals approve',
    summary: 'Let the identical call pass, once',
    detail: 'The decision is signed with the approver\'s key. The requester may not approve their own call. Where the call came in an MCP session, the grant is for that session alone: a client that reconnects has a new one, and its call opens a new request. On a terminal the request is shown with all of its arguments; before, that is: agw approvals show.',
    arguments: [REQUEST],
    options: [...DECIDE_OPTIONS, { flags: '--unseen', about: 'approve although not all of the arguments are kept to be looked at' }],
    examples: [`agw approvals approve ${EXAMPLE} --as alice --reason "planned maintenance"`],
    negative: 'there is no such request',
    run: (context) => decide(context, 'approve'),
  },
  {
    path: 'approvals deny',
    summary: 'Refuse the call',
    arguments: [REQUEST],
    options: DECIDE_OPTIONS,
    examples: [`agw approvals deny ${EXAMPLE} --as alice --reason "not on a Friday"`],
    negative: 'there is no such request',
    run: (context) => decide(context, 'deny'),
  },
];

async function list(context: CommandContext): Promise<ExitCode> {
  const state = context.option('state') ?? 'pending';
  const answer = await context.control().get(`/v1/approvals${state === 'all' ? '' : `?state=${state}`}`);
  printAnswer(context, answer, () => {
    const { terminal } = context;
    const approvals = listOf(answer, 'approvals');
    if (approvals.length === 0) return terminal.print(state === 'pending' ? 'nothing waits for approval' : 'no such approval requests');
    if (context.flag('wide')) return terminal.print(approvals.map((approval) => describe(approval, previewHint(approval), terminal.colors)).join('\n\n'));
    const rows = approvals.map((approval) => [textOf(approval, 'id'), textOf(approval, 'state'), textOf(approval, 'tool'), textOf(approval, 'score'), shownTime(endOf(approval)), textOf(approval, 'caller'), sessionOf(approval) === '' ? '' : shortHash(sessionOf(approval)), preview(approval)]);
    terminal.print(
      renderTable([{ title: 'REQUEST' }, { title: 'STATE' }, { title: 'TOOL' }, { title: 'SCORE', right: true }, { title: 'EXPIRES' }, { title: 'CALLER', shrinks: true, keepsEnd: true }, { title: 'SESSION' }, { title: 'ARGUMENTS', shrinks: true }], rows, terminal),
    );
    const older = (numberOf(answer, 'total') ?? 0) - approvals.length;
    if (older > 0) terminal.print(`these are the newest: ${plural(older, 'older request')} not shown; --state narrows it down`);
    terminal.print('\nlook at one with: agw approvals show REQUEST');
    const pending = approvals.filter((approval) => textOf(approval, 'state') === 'pending');
    if (pending.length > 0) terminal.print('approve with: agw approvals approve REQUEST');
    if (pending.some((approval) => sessionOf(approval) !== '')) terminal.print(terminal.colors.dim('A request with a session is granted for that session alone: the client must repeat the call without reconnecting.'));
  });
  return 0;
}

/** '' = the call came in no MCP session. */
function sessionOf(approval: unknown): string {
  return textOf(approval, 'mcpSession') || textOf(approval, 'mcp_session');
}

async function show(context: CommandContext): Promise<ExitCode> {
  const answer = await context.control().get(`/v1/approvals/${encodeURIComponent(given(context.argument(0)))}`);
  const request = member(answer, 'approval') ?? answer;
  printAnswer(context, answer, () => context.terminal.print(describe(request, allArguments(request), context.terminal.colors)));
  return 0;
}

function preview(approval: unknown): string {
  return textOf(approval, 'argumentsPreview') || textOf(approval, 'arguments_preview');
}

/** JSON ends with no letter: a preview that does is cut. */
function previewHint(approval: unknown): string {
  const shown = preview(approval);
  return shown.endsWith(' characters') ? `${shown} (agw approvals show ${textOf(approval, 'id')})` : shown;
}

function allArguments(approval: unknown): string {
  const text = member(approval, 'argumentsText');
  if (typeof text !== 'string') return `${preview(approval)} (this preview is all that is kept)`;
  const unseen = unseenOf(approval);
  return unseen === 0 ? visibleText(text) : `${visibleText(text)}… +${unseen} characters that are not kept, so that nobody can look at them`;
}

function unseenOf(approval: unknown): number {
  const text = member(approval, 'argumentsText');
  return unseenCharacters({ argumentsText: typeof text === 'string' ? text : undefined, argumentsLength: numberOf(approval, 'argumentsLength') });
}

/** The store's own member, or the wire's. */
function timeOf(approval: unknown, what: 'created' | 'expires' | 'decided'): number {
  return numberOf(approval, `${what}Ms`) ?? numberOf(approval, `${what}_ms`) ?? NaN;
}

/** Of a grant, until when it can be used; of a request, until when it can be decided, and a denial stands. */
function endOf(approval: unknown): number {
  return numberOf(approval, 'grantExpiresMs') ?? timeOf(approval, 'expires');
}

function describe(approval: unknown, shownArguments: string, colors: CommandContext['terminal']['colors']): string {
  const either = (camel: string): string => textOf(approval, camel) || textOf(approval, camel.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  const fields = [
    ['request', either('id')],
    ['state', either('state')],
    ['caller', either('caller')],
    ['tool', `${either('tool')} at ${either('upstream')}`],
    ['tool hash', either('toolHash')],
    ['arguments', shownArguments],
    ['arguments digest', either('argumentsDigest')],
    ['session', either('mcpSession') === '' ? 'none: the grant is for the caller' : `${either('mcpSession')}: the grant ends with it`],
    ['score', either('score')],
    ['expires', shownTime(endOf(approval))],
    ['decided by', either('decidedBy')],
    ['reason', either('reason')],
  ] as const;
  return renderFields(fields.filter(([, value]) => value !== '').map(([key, value]) => [key, printable(value)] as const), colors);
}

async function decide(context: CommandContext, decision: 'approve' | 'deny'): Promise<ExitCode> {
  const id = given(context.argument(0));
  const control = context.control();
  const found = await control.get(`/v1/approvals/${encodeURIComponent(id)}`);
  const request = recordOf(member(found, 'approval') ?? found);
  const reason = context.option('reason');
  if (!context.json && context.terminal.isTty) context.terminal.print(`${describe(request, allArguments(request), context.terminal.colors)}\n`);
  if (decision === 'approve' && textOf(request, 'state') === 'pending' && unseenOf(request) > 0 && !context.flag('unseen')) {
    throw new CliFailure('not all of the arguments are kept to be looked at.', { remedy: `See agw approvals show ${id}; deny it, or approve with --unseen what nobody has seen.`, code: 'arguments_unseen' });
  }
  const key = await findApproverKey(context, context.option('as'));
  const signature = await key.sign(request, decision);
  const body = { decision, approver: key.name, signature, ...(reason === undefined ? {} : { reason }), ...(decision === 'approve' && context.flag('unseen') ? { accept_unseen: true } : {}) };
  const answer = await control.post(`/v1/approvals/${encodeURIComponent(id)}/decide`, body);
  printAnswer(context, answer, () => context.terminal.print(decisionText(decision, key.name, request)));
  return 0;
}

function decisionText(decision: 'approve' | 'deny', name: string, request: unknown): string {
  const call = `${printable(textOf(request, 'tool'))} by ${printable(textOf(request, 'caller'))}`;
  if (decision === 'deny') return `denied by ${name}: ${call}`;
  const session = sessionOf(request);
  return `approved by ${name}: ${call}. The identical call passes once${session === '' ? '.' : `, in its MCP session (${printable(shortHash(session))}). A client that has reconnected must ask again.`}`;
}
