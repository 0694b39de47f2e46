// agw secret: what tools receive by $SPIKE reference. Values come from stdin or a hidden prompt, and are never printed.
import { given, type CommandContext, type CommandSpec } from '../command.js';
import { CliFailure, type ExitCode } from '../failure.js';
import { shownTime, printAnswer } from '../printing.js';
import { confirmed, readSecret } from '../prompt.js';
import { listOf, member, numberOf, textOf } from '../reading.js';
import { renderTable } from '../table.js';

const NAME = { name: '<name>', about: 'the secret\'s name' };
/** A reference that lives longer than a day is a password again. */
const TTL_SECONDS_MAX = 86_400;

export const secretCommands: readonly CommandSpec[] = [
  {
    path: 'secret put',
    summary: 'Store a secret for one owner and one scope',
    detail: 'The value is read from stdin when that is piped, else asked for without echo; it is never an argument, where ps would show it.',
    arguments: [NAME],
    options: [
      { flags: '--owner <spiffe-id>', about: 'the only caller that may use it', required: true },
      { flags: '--scope <scope>', about: 'must equal the tool\'s required_scope', required: true },
    ],
    examples: ['printf %s "$TOKEN" | agw secret put github-token --owner spiffe://poc.local/agents/mcp-client/my-agent/dev --scope github:read'],
    run: put,
  },
  { path: 'secret list', summary: 'Stored secrets and live references, without any value', examples: ['agw secret list', 'agw secret list --json'], run: list },
  {
    path: 'secret issue',
    summary: 'Issue a short-lived reference to put into a call\'s arguments',
    detail: 'Paste it into a shell within single quotes: in double quotes the shell takes $SPIKE for a variable of its own, and the reference is lost.',
    arguments: [NAME],
    options: [{ flags: '--ttl <seconds>', about: 'how long the reference lives (default 300)' }],
    examples: ['agw secret issue github-token --ttl 600', 'agw secret issue github-token --json | jq -r .token'],
    negative: 'there is no such secret',
    run: issue,
  },
  {
    path: 'secret rotate',
    summary: 'Replace a secret\'s value; its references stay good',
    arguments: [NAME],
    examples: ['printf %s "$NEW_TOKEN" | agw secret rotate github-token'],
    negative: 'there is no such secret',
    run: rotate,
  },
  {
    path: 'secret remove',
    summary: 'Remove a secret and every reference to it',
    arguments: [NAME],
    options: [{ flags: '-y, --yes', about: 'without asking' }],
    examples: ['agw secret remove github-token --yes'],
    negative: 'there is no such secret, or the answer was no',
    run: remove,
  },
];

async function put(context: CommandContext): Promise<ExitCode> {
  const name = given(context.argument(0));
  const body = { name, owner: given(context.option('owner')), scope: given(context.option('scope')) };
  const value = await readSecret(context.terminal, 'secret');
  const answer = await context.control().post('/v1/secrets/put', { ...body, value });
  printAnswer(context, answer, () => context.terminal.print(`stored ${name}, for ${body.owner}, scope ${body.scope}`));
  return 0;
}

async function list(context: CommandContext): Promise<ExitCode> {
  const answer = await context.control().get('/v1/secrets');
  printAnswer(context, answer, () => {
    const { terminal } = context;
    const secrets = listOf(answer, 'secrets').map((item) => [textOf(item, 'name'), textOf(item, 'scope'), textOf(item, 'owner'), textOf(item, 'version'), timeOf(item, 'createdMs')]);
    if (secrets.length === 0) return terminal.print('no secrets are stored: agw secret put NAME --owner ID --scope SCOPE');
    terminal.print(renderTable([{ title: 'NAME' }, { title: 'SCOPE' }, { title: 'OWNER', shrinks: true, keepsEnd: true }, { title: 'VERSION', right: true }, { title: 'CREATED' }], secrets, terminal));
    const references = listOf(answer, 'references').map((item) => [textOf(item, 'ref'), textOf(item, 'name'), textOf(item, 'scope'), timeOf(item, 'expiresMs')]);
    if (references.length > 0) terminal.print(`\n${renderTable([{ title: 'REFERENCE' }, { title: 'SECRET' }, { title: 'SCOPE' }, { title: 'EXPIRES' }], references, terminal)}`);
  });
  return 0;
}

/** The gateway may name it in milliseconds or, as its other answers do, in words. */
function timeOf(item: unknown, key: string): string {
  const snake = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const ms = numberOf(item, key) ?? numberOf(item, snake);
  return ms === undefined ? '' : shownTime(ms);
}

async function issue(context: CommandContext): Promise<ExitCode> {
  const ttl = Number(context.option('ttl') ?? '300');
  if (!Number.isInteger(ttl) || ttl < 1 || ttl > TTL_SECONDS_MAX) throw new CliFailure(`--ttl is a whole number of seconds from 1 to ${TTL_SECONDS_MAX}.`);
  const answer = await context.control().post('/v1/secrets/issue', { name: given(context.argument(0)), ttl_s: ttl });
  printAnswer(context, answer, () => {
    context.terminal.print(textOf(answer, 'token'));
    if (context.terminal.isTty) context.terminal.warn(`good for ${ttl} s; put it into a string value of the call's arguments. In a shell, within single quotes: in double quotes it loses $SPIKE.`);
  });
  return 0;
}

async function rotate(context: CommandContext): Promise<ExitCode> {
  const name = given(context.argument(0));
  const value = await readSecret(context.terminal, 'new secret');
  const answer = await context.control().post('/v1/secrets/rotate', { name, value });
  printAnswer(context, answer, () => {
    const version = textOf(member(answer, 'secret'), 'version') || textOf(answer, 'version');
    context.terminal.print(`rotated ${name}${version === '' ? '' : `, now version ${version}`}`);
  });
  return 0;
}

async function remove(context: CommandContext): Promise<ExitCode> {
  const name = given(context.argument(0));
  if (!(await confirmed(context, `Remove ${name} and every reference to it?`))) return 1;
  const answer = await context.control().post('/v1/secrets/remove', { name });
  printAnswer(context, answer, () => context.terminal.print(`removed ${name}`));
  return 0;
}
