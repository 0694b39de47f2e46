// agw identity: who is registered in identities.yaml. Edits keep the file's comments and are active at once.
import { given, type CommandContext, type CommandSpec } from '../command.js';
import { activeNote, editFile, readConfigText, reloadIfRunning } from '../edit-file.js';
import { CliFailure, type ExitCode } from '../failure.js';
import { printAnswer } from '../printing.js';
import { listOf, textOf } from '../reading.js';
import { renderTable } from '../table.js';

const WHO = { name: '<identity>', about: 'a SPIFFE ID, or an agent\'s name (then --env counts)' };
const ENV = { flags: '--env <env>', about: 'the environment in a name\'s SPIFFE ID (default dev)' };

/** Said, because the list decides about declared identities alone. */
const IN_STRICT = {
  registered: 'the profile is strict: this admits nobody; callers prove who they are',
  removed: 'the profile is strict: this keeps nobody out; end the workload\'s entry at its SPIFFE authority, whose proofs then end',
} as const;

export const identityCommands: readonly CommandSpec[] = [
  {
    path: 'identity list',
    summary: 'Registered identities',
    detail: 'From the running gateway; from the file when none runs.',
    examples: ['agw identity list', 'agw identity list --json | jq -r \'.identities[].spiffe_id\''],
    run: list,
  },
  {
    path: 'identity add',
    summary: 'Register an identity',
    arguments: [WHO],
    options: [ENV, { flags: '--description <text>', about: 'one line for people' }],
    examples: ['agw identity add my-agent', 'agw identity add spiffe://poc.local/agents/mcp-client/reporter/prod --description "nightly report"'],
    run: add,
  },
  {
    path: 'identity remove',
    summary: 'Take an identity off the list; who declares it (dev) is refused at once',
    detail: 'The list says who may declare itself in the dev profile. A caller that proves who it is, by a certificate or a token, is kept out by its SPIFFE authority alone.',
    arguments: [WHO],
    options: [ENV],
    examples: ['agw identity remove my-agent --env dev'],
    negative: 'it was not registered',
    run: remove,
  },
];

async function list(context: CommandContext): Promise<ExitCode> {
  const answer = await listed(context);
  const byDefault = textOf(answer, 'default');
  printAnswer(context, answer, () => {
    const rows = listOf(answer, 'identities').map((item) => {
      const id = textOf(item, 'spiffe_id');
      return [id, id === byDefault ? 'default' : '', textOf(item, 'description')];
    });
    const text = renderTable([{ title: 'SPIFFE ID' }, { title: '' }, { title: 'DESCRIPTION', shrinks: true }], rows, context.terminal);
    context.terminal.print(rows.length === 0 ? 'no identities are registered: agw identity add NAME' : text);
  });
  return 0;
}

async function listed(context: CommandContext): Promise<unknown> {
  try {
    return await context.control().get('/v1/identities');
  } catch (error) {
    if (!(error instanceof CliFailure) || error.code !== 'gateway_not_running') throw error;
    const { file, trustDomain } = await identityFile(context);
    const { parseIdentities } = await import('../../engines/identity/identity-table.js');
    const table = parseIdentities(readConfigText(file), file, trustDomain);
    context.terminal.warn('no gateway is running: this is the file');
    return {
      trust_domain: table.trustDomain,
      default: table.defaultIdentity ?? null,
      identities: table.identities.map((identity) => ({ spiffe_id: identity.spiffeId, description: identity.description })),
    };
  }
}

async function add(context: CommandContext): Promise<ExitCode> {
  const { file, trustDomain } = await identityFile(context);
  const id = spiffeIdOf(context, trustDomain);
  const { addIdentity } = await import('../../engines/identity/edit-identities.js');
  return write(context, file, trustDomain, (text) => addIdentity(text, id, context.option('description') ?? '', file), 'registered', id);
}

async function remove(context: CommandContext): Promise<ExitCode> {
  const { file, trustDomain } = await identityFile(context);
  const id = spiffeIdOf(context, trustDomain);
  const { parseIdentities } = await import('../../engines/identity/identity-table.js');
  if (!parseIdentities(readConfigText(file), file, trustDomain).has(id)) throw new CliFailure(`${id} is not registered.`, { remedy: 'See: agw identity list', exitCode: 1, code: 'not_found' });
  const { removeIdentity } = await import('../../engines/identity/edit-identities.js');
  return write(context, file, trustDomain, (text) => removeIdentity(text, id, file), 'removed', id);
}

/** The new text is parsed before it replaces the old: a file that the gateway would refuse is never written. */
async function write(context: CommandContext, file: string, trustDomain: string, edit: (text: string) => string, done: 'registered' | 'removed', id: string): Promise<ExitCode> {
  const { parseIdentities } = await import('../../engines/identity/identity-table.js');
  editFile(file, (before) => {
    const text = edit(before);
    parseIdentities(text, file, trustDomain);
    return text;
  });
  const reloaded = await reloadIfRunning(context, file);
  printAnswer(context, { spiffe_id: id, [done]: true, active: reloaded === 'active' }, () => context.terminal.print(`${done} ${id} (${activeNote(reloaded)})`));
  if ((await context.project.config()).profile === 'strict') context.terminal.warn(IN_STRICT[done]);
  return 0;
}

async function identityFile({ project }: CommandContext): Promise<{ file: string; trustDomain: string }> {
  const { identity } = await project.config();
  return { file: project.path(identity.file), trustDomain: identity.trust_domain };
}

function spiffeIdOf(context: CommandContext, trustDomain: string): string {
  const who = given(context.argument(0));
  if (who.includes('/')) {
    if (context.option('env') !== undefined) throw new CliFailure('--env goes with a name, not with a whole SPIFFE ID.');
    return who;
  }
  return `spiffe://${trustDomain}/agents/mcp-client/${who}/${context.option('env') ?? 'dev'}`;
}
