// What agw import does: finds the servers of a client's file, asks them for their tools, shows what will be written, writes it, and checks what is decided then.
import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { RegisteredServer, RiskLevel, ToolRegistry } from '../../engines/registry/types.js';
import { parseRegistry } from '../../engines/registry/registry-file.js';
import { NAME_DEFAULT } from '../clients/connect.js';
import { urlFor } from '../clients/gateway-url.js';
import { machineOf } from '../clients/places.js';
import { givenTimeoutOf } from '../asking.js';
import type { CommandContext } from '../command.js';
import { readConfigText } from '../edit-file.js';
import { CliFailure, type ExitCode } from '../failure.js';
import { plural, printJson } from '../printing.js';
import { confirmed } from '../prompt.js';
import { printable } from '../terminal.js';
import { askServers, type AskedServer } from './ask-servers.js';
import { importCaller, type ImportCaller } from './caller.js';
import { foundServer, isLeftOut, type FoundServer, type LeftOut } from './found-server.js';
import { isImported, isRegisteredNow, makePlan, type ImportPlan } from './import-plan.js';
import { leftOutText, planJson, planText, programText } from './plan-view.js';
import { finish, type About } from './finish.js';
import { openSource, type SourceFile } from './source.js';
import { nameTools } from './tool-names.js';
import { planUpstream, processName, withoutSharedNames, type UpstreamPlan } from './upstream-plan.js';
import { planRewiring, type Rewiring } from './rewire.js';

const RISKS: readonly RiskLevel[] = ['low', 'medium', 'high', 'critical'];

const AGENT_ID = /^spiffe:\/\/[^/]+\/agents\/mcp-client\/[^/]+\/[^/]+$/;

/** A server of the file with the file that it stands in. */
interface Placed<Kind> {
  readonly source: SourceFile;
  readonly found: Kind;
}

export async function importServers(context: CommandContext, sourceName: string): Promise<ExitCode> {
  const sources = openSource(context, sourceName);
  const client = sources[0]?.client;
  if (context.flag('writeClient') && client === undefined) throw new CliFailure(`${sourceName} is no client's own file: nobody says which client is to be rewired.`, { remedy: 'Import from the client (agw import cursor), or run agw connect CLIENT --write afterwards.', code: 'usage' });
  const timeoutMs = givenTimeoutOf(context);
  for (const option of ['server', 'tools']) refuseNoNames(context, option);
  const caller = await importCaller(context);
  const gateway = await urlFor(context, undefined);
  const config = await context.project.config();
  const registryFile = context.project.path(config.registry.file);
  const registryText = readConfigText(registryFile);
  const registry = parseRegistry(registryText, registryFile);
  const { chosen, leftOut } = chooseServers(context, sources, gateway.url);
  const planned = planUpstreams(context, chosen, registry);
  const everythingOut = [...leftOut, ...planned.leftOut];
  if (planned.plans.length === 0) return nothingToImport(context, sources, everythingOut);
  const answered = await answering(context, planned.plans, timeoutMs);
  const plan = await makePlan({
    caller, servers: nameTools(chosenTools(context, answered), registry), leftOut: everythingOut, riskLevel: RISKS.find((level) => level === context.option('riskLevel')) ?? 'high',
    registryFile, registryText, policyDir: context.project.path(config.policy.dirs[0] ?? 'policies'),
  });
  const imported = new Set(plan.servers.filter(isImported).map(({ plan: { name } }) => name));
  const replaced = sources.map((source) => ({ source, names: chosen.filter((one) => one.source === source && imported.has(one.found.name)).map(({ found }) => found.name) })).filter(({ names }) => names.length > 0);
  const rewiring = context.flag('writeClient') && client !== undefined && replaced.length > 0 ? planRewiring(context, client, replaced, { name: NAME_DEFAULT, url: (await urlFor(context, gateway.profile === 'strict' ? undefined : nameInUrl(caller))).url }) : undefined;
  return decide(context, plan, rewiring, { source: sourceName, client: client?.id, caller });
}

/** The default identity needs no name in the URL, and others than agents have none. */
function nameInUrl({ id, isDefault }: ImportCaller): string | undefined {
  return !isDefault && AGENT_ID.test(id) ? id : undefined;
}

function chooseServers(context: CommandContext, sources: readonly SourceFile[], url: string): { chosen: Placed<FoundServer>[]; leftOut: LeftOut[] } {
  const wanted = namesOf(context, 'server');
  const all = sources.flatMap((source) => source.read.servers.servers.map((server): Placed<FoundServer | LeftOut> => ({ source, found: foundServer(server, source.client?.id, url) })));
  const unknown = wanted?.find((name) => !all.some(({ found }) => found.name === name));
  if (unknown !== undefined) throw new CliFailure(`there is no server ${unknown}.`, { remedy: `There are: ${all.map(({ found }) => printable(found.name)).join(', ') || 'none'}`, exitCode: 1, code: 'not_found' });
  const chosen: Placed<FoundServer>[] = [];
  const leftOut: LeftOut[] = [];
  for (const { source, found } of all) {
    if (wanted !== undefined && !wanted.includes(found.name)) continue;
    const other = chosen.find((one) => one.found.name === found.name);
    if (isLeftOut(found)) leftOut.push(found);
    else if (other !== undefined) leftOut.push({ name: found.name, line: found.line, reason: `${other.source.read.file} has a server of that name, which counts` });
    else chosen.push({ source, found });
  }
  return { chosen, leftOut };
}

function planUpstreams(context: CommandContext, chosen: readonly Placed<FoundServer>[], registry: ToolRegistry): { plans: readonly UpstreamPlan[]; leftOut: LeftOut[] } {
  const machine = machineOf(context);
  const made = chosen.map(({ source, found }) => planUpstream(found, { home: machine.home, variable: machine.variable, folder: source.folder ?? machine.workingDir, bare: source.client?.id === 'gemini-cli' }, runsIn(source, found)));
  const plans: UpstreamPlan[] = [];
  const leftOut: LeftOut[] = [];
  for (const plan of made) {
    if (isLeftOut(plan)) {
      leftOut.push(plan);
      continue;
    }
    const same = plans.find(({ upstream }) => upstream === plan.upstream && !upstream.startsWith('stdio:'));
    if (same === undefined) plans.push(withOwnName(plan, registry, plans));
    else leftOut.push({ name: plan.name, line: plan.line, reason: `it is the same server as ${same.name}${JSON.stringify(same.live?.transport) === JSON.stringify(plan.live?.transport) ? '' : ', with other headers: a URL has one set of them'}` });
  }
  return { plans: withoutSharedNames(plans, registry.servers), leftOut };
}

/** A client that is known runs a project's servers in the project's folder; of a file of nobody's, only what its command names there tells. */
function runsIn({ client, folder }: SourceFile, { way }: FoundServer): string | undefined {
  if (client !== undefined || folder === undefined || way.kind !== 'stdio') return folder;
  const isThere = (word: string): boolean => /[\\/.]/.test(word) && !isAbsolute(word) && !word.startsWith('-') && existsSync(join(folder, word));
  return [way.command, ...way.args].some(isThere) ? folder : undefined;
}

const NAMES_MAX = 100; // of processes with the same name

/** A process of the registry keeps its name: another program gets another. */
function withOwnName(plan: UpstreamPlan, registry: ToolRegistry, others: readonly UpstreamPlan[]): UpstreamPlan {
  if (plan.entry === undefined || plan.live?.transport.kind !== 'stdio') return plan;
  for (let count = 1; count <= NAMES_MAX; count += 1) {
    const upstream = count === 1 ? plan.upstream : processName(`${plan.upstream.slice('stdio:'.length)}-${count}`);
    const known = registry.servers.get(upstream);
    if (others.some((other) => other.upstream === upstream) || (known !== undefined && !isSameProgram(known, plan.live))) continue;
    return upstream === plan.upstream ? plan : { ...plan, upstream, entry: { ...plan.entry, upstream }, live: { ...plan.live, upstream }, notes: [...plan.notes, `known as ${upstream}: ${plan.upstream} is another program`] };
  }
  throw new CliFailure(`there is no free name for ${printable(plan.name)}.`);
}

function isSameProgram(known: RegisteredServer, live: RegisteredServer): boolean {
  if (known.transport.kind !== 'stdio' || live.transport.kind !== 'stdio') return false;
  const [a, b] = [known.transport.program, live.transport.program];
  return a.command === b.command && JSON.stringify(a.args) === JSON.stringify(b.args) && a.cwd === b.cwd;
}

/** Programs of a file are started only after a yes: the file may be anybody's. */
async function answering(context: CommandContext, plans: readonly UpstreamPlan[], timeoutMs: number | undefined): Promise<readonly AskedServer[]> {
  const programs = plans.filter(({ entry }) => entry?.command !== undefined);
  if (programs.length > 0) {
    context.terminal.warn(`to be started, and asked for their tools:\n${programs.map(({ name, entry }) => `  ${printable(name)}: ${entry === undefined ? '' : programText(entry)}`).join('\n')}`);
    if (!(await confirmed(context, `\nStart ${plural(programs.length, 'program')}?`))) throw new CliFailure('nothing was started, and nothing written.', { exitCode: 1, code: 'declined' });
  }
  const asked = await askServers(context, plans, timeoutMs);
  const silent = asked.filter(({ tools }) => tools === undefined);
  if (silent.length === 0 || context.flag('skipUnreachable')) return asked;
  throw new CliFailure([`${plural(silent.length, 'server')} of ${asked.length} did not answer; nothing was written.`, ...silent.map(({ plan, reason }) => `  ${plan.name}: ${reason}`)].join('\n'), {
    remedy: 'Repair them, name those to import (--server NAME), or leave these out: --skip-unreachable', exitCode: 1, code: 'upstream_unavailable',
  });
}

/** --tools: by the names that the servers have for them. */
function chosenTools(context: CommandContext, asked: readonly AskedServer[]): readonly AskedServer[] {
  const wanted = namesOf(context, 'tools');
  if (wanted === undefined) return asked;
  const served = asked.flatMap(({ tools = [] }) => tools.map(({ name }) => name));
  const unknown = wanted.find((name) => !served.includes(name));
  if (unknown !== undefined) throw new CliFailure(`none of the servers serves ${printable(unknown)}.`, { remedy: `They serve: ${served.map(printable).join(', ') || 'nothing'}`, exitCode: 1, code: 'not_found' });
  return asked.map((server) => (server.tools === undefined ? server : { ...server, tools: server.tools.filter(({ name }) => wanted.includes(name)) }));
}

function namesOf(context: CommandContext, option: string): readonly string[] | undefined {
  return context.option(option)?.split(',').map((name) => name.trim()).filter((name) => name !== '');
}

/** An empty variable of a script is no choice of nothing. */
function refuseNoNames(context: CommandContext, option: string): void {
  if (namesOf(context, option)?.length === 0) throw new CliFailure(`--${option} names none.`, { remedy: 'Write names with commas between, or leave the option out for all.', code: 'usage' });
}

function nothingToImport(context: CommandContext, sources: readonly SourceFile[], leftOut: readonly LeftOut[]): never {
  for (const one of leftOut) context.terminal.warn(leftOutText(one, context.terminal));
  throw new CliFailure(`${sources.map(({ read }) => read.file).filter((file, at, all) => all.indexOf(file) === at).join(', ')}: there is no server to import.`, { exitCode: 1, code: 'not_found' });
}

async function decide(context: CommandContext, plan: ImportPlan, rewiring: Rewiring | undefined, about: About): Promise<ExitCode> {
  const { terminal } = context;
  const isDry = context.flag('dryRun');
  const text = [planText(plan, terminal), ...(rewiring === undefined ? [] : [rewiring.shown])].join('\n\n');
  if (!context.json || !isDry) terminal[isDry ? 'print' : 'warn'](text);
  if (isDry) {
    if (context.json) printJson(context, { ...planJson(plan), written: false });
    return 0;
  }
  const changesNothing = plan.registry.text === plan.registry.before && plan.policy === undefined && rewiring === undefined;
  if (!changesNothing && !(await confirmed(context, `\nWrite this (${plural(plan.servers.flatMap(({ named }) => named.filter(isRegisteredNow)).length, 'tool')})?`))) return 1;
  return finish(context, plan, rewiring, about);
}
