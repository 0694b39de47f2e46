// agw approvals: calls that wait for a person, and that person's signed decision.
import { given, type CommandContext, type CommandSpec } from '../command.js';
import { findApproverKey } from '../approver-folder.js';
import type { ExitCode } from '../failure.js';
import { printAnswer, shortHash, shownTime } from '../printing.js';
import { listOf, member, numberOf, recordOf, textOf } from '../reading.js';
import { renderFields, renderTable } from '../table.js';
import { printable } from '../terminal.js';

const STATES = ['pending', 'approved', 'denied', 'reserved', 'consumed', 'expired'];
const REQUEST = { name: '<request-id>', about: 'from the refusal, or from agw approvals list' };
const DECIDE_OPTIONS = [
  { flags: '--as <approver>', about: 'the approver\'s name; not needed when there is only one key here' },
  { flags: '--reason <text>', about: 'kept in the record' },
];

export const approvalsCommands: readonly CommandSpec[] = [
  {
    path: 'approvals list',
    summary: 'Approval requests',
    options: [{ flags: '--state <state>', about: 'pending (the default), or any other state, or all', choices: [...STATES, 'all'] }, { flags: '--wide', about: 'with arguments and binding' }],
    examples: ['agw approvals list', 'agw approvals list --state all --json'],
    run: list,
  },
  {
    path: 'approvals approve',
    summary: 'Let the identical call pass, once',
    detail: 'The decision is signed with the approver\'s key. The requester may not approve their own call. Where the call came in an MCP session, the grant is for that session alone: a client that reconnects has a new one, and its call opens a new request.',
    arguments: [REQUEST],
    options: DECIDE_OPTIONS,
    examples: ['agw approvals approve apr_01h… --as alice --reason "planned maintenance"'],
    negative: 'there is no such request',
    run: (context) => decide(context, 'approve'),
  },
  {
    path: 'approvals deny',
    summary: 'Refuse the call',
    arguments: [REQUEST],
    options: DECIDE_OPTIONS,
    examples: ['agw approvals deny apr_01h… --as alice --reason "not on a Friday"'],
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
    if (context.flag('wide')) return terminal.print(approvals.map((approval) => describe(approval, terminal.colors)).join('\n\n'));
    const rows = approvals.map((approval) => [textOf(approval, 'id'), textOf(approval, 'state'), textOf(approval, 'tool'), textOf(approval, 'score'), shownTime(timeOf(approval, 'expires')), textOf(approval, 'caller'), sessionOf(approval) === '' ? '' : shortHash(sessionOf(approval)), preview(approval)]);
    terminal.print(
      renderTable([{ title: 'REQUEST' }, { title: 'STATE' }, { title: 'TOOL' }, { title: 'SCORE', right: true }, { title: 'EXPIRES' }, { title: 'CALLER', shrinks: true, keepsEnd: true }, { title: 'SESSION' }, { title: 'ARGUMENTS', shrinks: true }], rows, terminal),
    );
    terminal.print(`\napprove with: agw approvals approve REQUEST`);
    if (approvals.some((approval) => sessionOf(approval) !== '')) terminal.print(terminal.colors.dim('A request with a session is granted for that session alone: the client must repeat the call without reconnecting.'));
  });
  return 0;
}

/** '' = the call came in no MCP session. */
function sessionOf(approval: unknown): string {
  return textOf(approval, 'mcpSession') || textOf(approval, 'mcp_session');
}

function preview(approval: unknown): string {
  return textOf(approval, 'argumentsPreview') || textOf(approval, 'arguments_preview');
}

/** The store's own member, or the wire's. */
function timeOf(approval: unknown, what: 'created' | 'expires' | 'decided'): number {
  return numberOf(approval, `${what}Ms`) ?? numberOf(approval, `${what}_ms`) ?? NaN;
}

function describe(approval: unknown, colors: CommandContext['terminal']['colors']): string {
  const either = (camel: string): string => textOf(approval, camel) || textOf(approval, camel.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  const fields = [
    ['request', either('id')],
    ['state', either('state')],
    ['caller', either('caller')],
    ['tool', `${either('tool')} at ${either('upstream')}`],
    ['tool hash', either('toolHash')],
    ['arguments', preview(approval)],
    ['arguments digest', either('argumentsDigest')],
    ['session', either('mcpSession') === '' ? 'none: the grant is for the caller' : `${either('mcpSession')}: the grant ends with it`],
    ['score', either('score')],
    ['expires', shownTime(timeOf(approval, 'expires'))],
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
  if (!context.json && context.terminal.isTty) context.terminal.print(`${describe(request, context.terminal.colors)}\n`);
  const key = await findApproverKey(context, context.option('as'));
  const signature = await key.sign(request, decision);
  const body = { decision, approver: key.name, signature, ...(reason === undefined ? {} : { reason }) };
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
