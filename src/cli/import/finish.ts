// The last part of an import: written, taken up, checked, the client rewired; and what is left to do, in words.
import type { CommandContext } from '../command.js';
import type { ExitCode } from '../failure.js';
import { activeNote } from '../edit-file.js';
import { plural, printAnswer } from '../printing.js';
import { printable } from '../terminal.js';
import type { ImportCaller } from './caller.js';
import { isImported, isRegisteredNow, type ImportPlan, type PlannedServer } from './import-plan.js';
import { planJson } from './plan-view.js';
import { rewire, type Rewiring } from './rewire.js';
import { writeImport, type Check } from './write-import.js';

export interface About {
  readonly source: string;
  readonly client: string | undefined;
  readonly caller: ImportCaller;
}

export async function finish(context: CommandContext, plan: ImportPlan, rewiring: Rewiring | undefined, about: About): Promise<ExitCode> {
  const { reloaded, checks } = await writeImport(context, plan);
  const backups = rewiring === undefined ? [] : rewire(rewiring);
  const wrong = checks.filter(({ wanted, decision }) => wanted !== decision);
  const answer = { ...planJson(plan), written: true, active: reloaded === 'active', checks: checks.map(({ method, tool, wanted, decision }) => ({ method, tool: tool ?? null, wanted, decision })), client_backups: backups, next: nextSteps(plan, rewiring, about) };
  printAnswer(context, answer, () => {
    const { terminal } = context;
    const tools = plan.servers.flatMap(({ named }) => named.filter(isRegisteredNow));
    terminal.print(`imported ${plural(tools.length, 'tool')} for ${plan.caller.id} (${activeNote(reloaded)})`);
    for (const line of checkLines(checks)) terminal.print(line);
    for (const backup of backups) terminal.print(`the client's file as it was: ${printable(backup)}`);
    for (const step of answer.next) terminal.print(`next: ${step}`);
  });
  return wrong.length === 0 ? 0 : 1;
}

/** What came out as planned in two lines; everything else by name. */
function checkLines(checks: readonly Check[]): string[] {
  const wrong = checks.filter(({ wanted, decision }) => wanted !== decision);
  const allowed = checks.filter(({ wanted, decision }) => wanted === 'ALLOW' && decision === 'ALLOW');
  const calls = allowed.filter(({ tool }) => tool !== undefined);
  return [
    ...(allowed.length === 0 ? [] : [`  ALLOW  ${[plural(calls.length, 'tool'), ...allowed.filter(({ tool }) => tool === undefined).map(({ method }) => method)].join(', ')}`]),
    ...checks.filter(({ wanted, decision }) => wanted === 'DENY' && decision === 'DENY').map(() => '  DENY   what no policy names'),
    ...wrong.map(wrongText),
  ];
}

function wrongText({ method, tool, wanted, decision }: Check): string {
  if (wanted === 'DENY') return `  ${decision}  what no policy names: another policy permits this caller more (agw policy list)`;
  return `  ${decision}   ${tool === undefined ? method : printable(tool)}: the policies that are loaded do not say so (agw policy list)`;
}

function nextSteps(plan: ImportPlan, rewiring: Rewiring | undefined, { source, client, caller }: About): string[] {
  const variables = [...new Set(plan.servers.filter(isImported).flatMap(({ plan: { needed } }) => needed.map(({ variable }) => variable)))];
  const as = caller.isDefault ? '' : ` --as ${caller.id}`;
  const withMore = plan.servers.filter((server) => isImported(server) && server.beside.length > 0);
  const poisoned = plan.servers.flatMap(({ named }) => named.filter(({ poison }) => poison.length > 0));
  return [
    ...(variables.length === 0 ? [] : [`put ${variables.join(', ')} into the gateway's environment, and start it again: make down, make up`]),
    ...(caller.isRegistered ? [] : [`register the caller: agw identity add ${caller.id}`]),
    ...(withMore.length === 0 ? [] : [`write a rule for the ${kindsOf(withMore)} of ${withMore.map(({ plan: { name } }) => printable(name)).join(', ')}, if ${caller.id} is to have them: docs/policies.md, "Prompts and resources"`]),
    ...(poisoned.length === 0 ? [] : [`read and judge ${poisoned.map(({ name }) => printable(name)).join(', ')}, which were left out`]),
    ...(rewiring !== undefined ? ['the copy of the client\'s file still has the secrets that were in it: remove it once all works'] : client === undefined ? [`point the client at the gateway, and take the imported servers out of ${source}: agw connect CLIENT --write${as}`] : [`give the client the gateway instead of these servers: agw import ${source}${as} --write-client, or agw connect ${client} --write${as}`]),
  ];
}

function kindsOf(servers: readonly PlannedServer[]): string {
  return [...new Set(servers.flatMap(({ beside }) => beside))].sort().join(' and ');
}
