// agw approver: who may approve. Each approver has an Ed25519 key; the gateway keeps the public half.
import { approverFolder } from '../approver-folder.js';
import { given, type CommandContext, type CommandSpec } from '../command.js';
import type { ExitCode } from '../failure.js';
import { printAnswer } from '../printing.js';
import { canAsk, confirmed, readSecret } from '../prompt.js';
import { renderTable } from '../table.js';

const NAME = { name: '<name>', about: 'the approver\'s name' };

export const approverCommands: readonly CommandSpec[] = [
  {
    path: 'approver add',
    summary: 'Make a signing key for a person who may approve calls',
    detail: 'The key is sealed by a passphrase (asked for, or piped in with --passphrase). In the dev profile it lies open in a 0600 file.',
    arguments: [NAME],
    options: [
      { flags: '--passphrase', about: 'seal the key in the dev profile too' },
      { flags: '--identity <spiffe-id>', about: 'the approver\'s own SPIFFE ID: its calls they can\'t approve' },
    ],
    examples: ['agw approver add alice', 'agw approver add bob --passphrase --identity spiffe://poc.local/agents/mcp-client/bob/dev'],
    run: add,
  },
  { path: 'approver list', summary: 'Approvers the gateway trusts', examples: ['agw approver list'], run: list },
  {
    path: 'approver remove',
    summary: 'Trust an approver no more; decisions made stay made',
    arguments: [NAME],
    options: [{ flags: '-y, --yes', about: 'without asking' }],
    examples: ['agw approver remove alice --yes'],
    negative: 'there is no such approver, or the answer was no',
    run: remove,
  },
];

async function add(context: CommandContext): Promise<ExitCode> {
  const name = given(context.argument(0));
  const { profile } = await context.project.config();
  const sealed = profile === 'strict' || context.flag('passphrase');
  const passphrase = sealed ? await readSecret(context.terminal, `passphrase for ${name}'s key`) : undefined;
  const { createApprover } = await import('../../engines/step-up/approver-keys.js');
  const approver = createApprover(approverFolder(context), name, passphrase, context.option('identity'));
  printAnswer(context, { name, fingerprint: approver.fingerprint, sealed }, () => {
    context.terminal.print(`approver ${name}: key ${approver.fingerprint.slice(0, 16)}…, ${sealed ? 'sealed by the passphrase' : 'open in a 0600 file (dev profile)'}`);
    if (canAsk(context.terminal)) context.terminal.print(`${name} decides with: agw approvals approve REQUEST --as ${name}`);
  });
  return 0;
}

async function list(context: CommandContext): Promise<ExitCode> {
  const { listApprovers } = await import('../../engines/step-up/approver-keys.js');
  const approvers = listApprovers(approverFolder(context));
  const listed = approvers.map((a) => ({ name: a.name, fingerprint: a.fingerprint, spiffe_id: a.spiffeId ?? null, key_here: a.hasKey, sealed: a.sealed, problem: a.problem ?? null }));
  printAnswer(context, { approvers: listed }, () => {
    if (approvers.length === 0) return context.terminal.print('nobody may approve yet: agw approver add NAME');
    const rows = approvers.map((a) => [a.name, a.fingerprint.slice(0, 16), a.hasKey ? (a.sealed ? 'sealed' : 'open') : 'elsewhere', a.spiffeId ?? '', a.problem ?? '']);
    const columns = [{ title: 'NAME' }, { title: 'PUBLIC KEY' }, { title: 'PRIVATE KEY' }, { title: 'IDENTITY', shrinks: true }, { title: 'PROBLEM', shrinks: true }];
    context.terminal.print(renderTable(approvers.some((a) => a.problem !== undefined) ? columns : columns.slice(0, -1), rows, context.terminal));
  });
  return 0;
}

async function remove(context: CommandContext): Promise<ExitCode> {
  const name = given(context.argument(0));
  if (!(await confirmed(context, `Trust ${name} no more, and destroy the key?`))) return 1;
  const { removeApprover } = await import('../../engines/step-up/approver-keys.js');
  const removed = removeApprover(approverFolder(context), name);
  printAnswer(context, { name, removed }, () => context.terminal.print(removed ? `removed ${name}` : `there is no approver ${name}`));
  return removed ? 0 : 1;
}
