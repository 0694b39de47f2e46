// Writes an import and has the gateway take it up: the registry first, because a rule for an unknown tool is only a warning, a tool without a rule only refused. Then asks what is now decided.
import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CommandContext } from '../command.js';
import { readConfigText, reloadIfRunning, replaceFile } from '../edit-file.js';
import { CliFailure } from '../failure.js';
import { evaluateOffline } from '../offline-policy.js';
import { textOf } from '../reading.js';
import type { SpiffeId } from '../../engines/identity/types.js';
import { isAllowed, type ImportPlan } from './import-plan.js';

export interface Check {
  readonly method: string;
  readonly tool: string | undefined;
  readonly wanted: 'ALLOW' | 'DENY';
  readonly decision: string;
}

export interface Written {
  readonly reloaded: 'active' | 'not running';
  readonly checks: readonly Check[];
}

/** A name that no server has: what is not allowed by name must be denied. */
const NOT_IMPORTED = 'agw_import_not_a_tool';
const CHECKED_TOOLS_MAX = 500; // each is a question to the gateway; beyond, the first ones stand for all of one list

/** Throws CliFailure; what the gateway refused to take up is as it was before. */
export async function writeImport(context: CommandContext, plan: ImportPlan): Promise<Written> {
  const { registry, policy, caller } = plan;
  if (readConfigText(registry.file) !== registry.before) throw new CliFailure(`${registry.file} was changed meanwhile; nothing was written.`, { remedy: 'Run the command again.', code: 'changed_meanwhile' });
  if (registry.text !== registry.before) replaceFile(registry.file, registry.text);
  const reloaded = await reloadIfRunning(context, registry.file);
  if (policy !== undefined) {
    mkdirSync(dirname(policy.file), { recursive: true });
    replaceFile(policy.file, policy.text);
    if (reloaded === 'active') await context.control().post('/v1/policy/reload', {}).catch((error: unknown) => takeBack(policy, error));
  }
  const tools = plan.servers.flatMap(({ named }) => named.filter(isAllowed).map(({ name }) => name)).slice(0, CHECKED_TOOLS_MAX);
  const questions: [string, string | undefined, 'ALLOW' | 'DENY'][] = [['tools/list', undefined, 'ALLOW'], ...tools.map((tool): [string, string, 'ALLOW'] => ['tools/call', tool, 'ALLOW']), ['tools/call', NOT_IMPORTED, 'DENY']];
  const checks: Check[] = [];
  for (const [method, tool, wanted] of questions) checks.push({ method, tool, wanted, decision: await decisionOf(context, reloaded, { caller: caller.id, method, tool }) });
  return { reloaded, checks };
}

/** The old set stays in force: the text that it was refused for goes, too. */
function takeBack({ file, before }: { readonly file: string; readonly before: string }, error: unknown): never {
  if (before === '') rmSync(file, { force: true });
  else replaceFile(file, before);
  throw error;
}

async function decisionOf(context: CommandContext, reloaded: 'active' | 'not running', question: { readonly caller: SpiffeId; readonly method: string; readonly tool: string | undefined }): Promise<string> {
  const { caller, method, tool } = question;
  if (reloaded === 'active') return textOf(await context.control().post('/v1/policy/eval', { caller, method, ...(tool === undefined ? {} : { tool }) }), 'decision');
  const { decision } = await evaluateOffline(context.project, { caller, method, tool, argumentsJson: '{}' });
  return decision.kind === 'allow' ? 'ALLOW' : 'DENY';
}
