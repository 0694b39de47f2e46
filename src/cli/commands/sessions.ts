// agw inspect sessions, agw sessions revoke: the MCP sessions of the gateway, over restarts, and their end.
import { callerOption } from '../caller-option.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { CliFailure, type ExitCode } from '../failure.js';
import { plural, printAnswer, shownTime } from '../printing.js';
import { listOf, numberOf, textOf } from '../reading.js';
import { renderTable } from '../table.js';

const CALLER = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const EXAMPLE = '3f9a1c07be52d418';

export const sessionInspection: CommandSpec = {
  path: 'inspect sessions',
  summary: 'MCP sessions of clients with a handshake: whose, since when, where',
  detail: 'A session has an open state while a gateway thread has it. After a restart, or when its thread has ended, it sleeps until its client\'s next request. The id shown is the beginning of a SHA-256 of the session\'s id, which nobody but the client needs. At most 1000 are listed, the lately used first.',
  options: [{ flags: '--caller <id>', about: 'those of one caller, by its SPIFFE ID' }],
  examples: ['agw inspect sessions', `agw inspect sessions --caller ${CALLER}`, 'agw inspect sessions --json | jq \'.sessions[] | select(.state == "sleeping")\''],
  run: inspectSessions,
};

export const sessionsCommands: readonly CommandSpec[] = [
  {
    path: 'sessions revoke',
    summary: 'End a session, or all of one caller, on every thread and for good',
    detail: 'Its open streams end; calls under way get their answer. Over Streamable HTTP the client\'s next request is answered 404; a WebSocket and an HTTP+SSE stream end, and many clients connect again by themselves and are served, without a session until they initialize. A restart does not bring the session back. Revoking keeps nobody out: for that take the identity off the list (agw identity remove), which ends its sessions as well; a caller with a proof, in strict everybody, is kept out by their SPIFFE authority alone.',
    arguments: [{ name: '[session]', about: '8 to 16 hexadecimal digits, as agw inspect sessions shows it, or the whole session id' }],
    options: [{ flags: '--caller <id>', about: 'all sessions of this caller, by its SPIFFE ID' }],
    examples: [`agw sessions revoke ${EXAMPLE}`, `agw sessions revoke --caller ${CALLER}`],
    negative: 'there is no such session',
    run: revoke,
  },
];

async function inspectSessions(context: CommandContext): Promise<ExitCode> {
  const caller = callerOption(context);
  const answer = await context.control().get(`/v1/sessions${caller === undefined ? '' : `?caller=${encodeURIComponent(caller)}`}`);
  printAnswer(context, answer, () => {
    const { terminal } = context;
    const sessions = listOf(answer, 'sessions');
    if (sessions.length === 0) return terminal.print('no MCP sessions');
    const rows = sessions.map((one) => [
      textOf(one, 'id'), textOf(one, 'caller'), textOf(one, 'protocol_version'), shownTime(textOf(one, 'created_at')), shownTime(textOf(one, 'used_at')), textOf(one, 'state'), textOf(one, 'thread'), textOf(one, 'upstreams'), textOf(one, 'streams'),
    ]);
    const columns = [
      { title: 'SESSION' }, { title: 'CALLER', shrinks: true, keepsEnd: true }, { title: 'VERSION', spare: 2 }, { title: 'OPENED', spare: 4 }, { title: 'LAST USED' }, { title: 'STATE' }, { title: 'THREAD', right: true, spare: 3 }, { title: 'SERVERS', right: true, spare: 1 }, { title: 'STREAMS', right: true, spare: 1 },
    ];
    terminal.print(renderTable(columns, rows, terminal));
    const more = (numberOf(answer, 'total') ?? 0) - sessions.length;
    if (more > 0) terminal.print(`\nand ${more} more: agw inspect sessions --caller ID`);
  });
  return 0;
}

async function revoke(context: CommandContext): Promise<ExitCode> {
  const id = context.argument(0);
  const caller = callerOption(context);
  if ((id === undefined) === (caller === undefined)) throw new CliFailure('name one session, or a caller with --caller.', { remedy: 'See: agw inspect sessions', code: 'usage' });
  const answer = await context.control().post('/v1/sessions/end', id === undefined ? { caller } : { id });
  const ended = numberOf(answer, 'ended') ?? 0;
  printAnswer(context, answer, () => context.terminal.print(ended === 0 ? 'there is no such session; see: agw inspect sessions' : `ended ${plural(ended, 'session')}`));
  return ended === 0 ? 1 : 0;
}
