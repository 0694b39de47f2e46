// agw tools: hash definitions, see what a server serves, register it after looking at it, and compare with what was registered.
import { readFileSync } from 'node:fs';
import { parseJson } from '../../base/json/parse-json.js';
import type { ToolEntry } from '../../engines/registry/registry-schema.js';
import type { ServerEntry } from '../../engines/registry/server-entry.js';
import type { PoisonReason } from '../../engines/registry/poison.js';
import type { RegisteredTool, RiskLevel, ServedTool, ToolRegistry } from '../../engines/registry/types.js';
import { askingOptions, givenTimeoutOf } from '../asking.js';
import { given, type CommandContext, type CommandSpec } from '../command.js';
import { CALLER_OPTIONS } from '../data-plane.js';
import { activeNote, editFile, readConfigText, reloadIfRunning } from '../edit-file.js';
import { CliFailure, type ExitCode } from '../failure.js';
import { plural, printAnswer, shortHash } from '../printing.js';
import { canAsk, confirmed, decodeUtf8, readAll } from '../prompt.js';
import { listOf, member, recordOf, textOf } from '../reading.js';
import { renderFields, renderTable } from '../table.js';
import { printable } from '../terminal.js';
import { isAsRegistered, mismatchText, toolDiffText } from '../tool-diff-view.js';
import { unreadable } from '../unreadable.js';

const FROM = { flags: '--from <upstream>', about: 'the tool server: its MCP endpoint\'s URL, or stdio:NAME for a process' };
const HOW = [
  { flags: '--command <command>', about: 'what starts stdio:NAME, where the registry does not say: an executable and its arguments; no shell reads it' },
  { flags: '--transport <transport>', about: 'what a URL speaks, where the registry does not say', choices: ['streamable_http', 'sse'] },
  { flags: '--header <header>', about: 'added to all that is sent to a URL, where the registry does not say: \'NAME: VALUE\' in single quotes, a secret as $ENV{NAME}, a variable of the gateway\'s and of this shell; may be given again', repeats: true },
];
const RISKS: readonly RiskLevel[] = ['low', 'medium', 'high', 'critical'];
type FindPoison = (definition: unknown) => PoisonReason[];

export const toolsCommands: readonly CommandSpec[] = [
  {
    path: 'tools hash',
    summary: 'The three hashes of a tool definition; any of them can be registered',
    detail: 'The definition is a JSON object with name, description and inputSchema: from a file, from stdin (-), or from a server (--from URL NAME).',
    arguments: [{ name: '[file-or-name]', about: 'a file, or - for stdin; with --from a tool\'s name' }],
    options: [FROM, ...HOW],
    examples: [
      'echo -n \'{"name":"my_tool","description":"Does something useful","inputSchema":{"type":"object","properties":{"query":{"type":"string"}}}}\' | agw tools hash -',
      'agw tools hash definition.json --json | jq -r .hashes.jcs',
      'agw tools hash --from http://127.0.0.1:9191/mcp my_tool',
    ],
    negative: 'the server serves no such tool',
    run: hash,
  },
  {
    path: 'tools list',
    summary: 'What is registered and what waits for registration, or what a server serves (--from), or what a caller sees (--as)',
    detail: 'With --as, --cert or --token-file the list is asked for through the gateway, as an agent asks: filtered for that caller, and recorded. With --from, --timeout is for the whole listing (default 15 s, of a process 120 s).',
    options: [FROM, ...HOW, { flags: '--wide', about: 'whole hashes' }, ...CALLER_OPTIONS, ...askingOptions('the latter, which most servers speak')],
    examples: ['agw tools list --from http://127.0.0.1:9191/mcp', 'agw tools list --from stdio:files --command \'npx -y @modelcontextprotocol/server-filesystem /data\'', 'agw tools list', 'agw tools list --as spiffe://poc.local/agents/mcp-client/my-agent/dev'],
    run: list,
  },
  {
    path: 'tools add',
    summary: 'Register what a server serves, after showing it',
    detail: 'Writes the definition\'s hash and the whole definition\'s hash into the registry; a tool registered already needs --replace. With --command, --transport or --header the server gets an entry, too.',
    arguments: [{ name: '[names...]', about: 'which tools; none = all that are not registered yet' }],
    options: [
      { ...FROM, required: true },
      ...HOW,
      { flags: '--risk-level <level>', about: 'low, medium, high or critical (default high, until a person has judged it)', choices: RISKS },
      { flags: '--classification <class>', about: 'what reading with it yields', choices: ['public', 'internal', 'confidential', 'sensitive'] },
      { flags: '--external', about: 'it sends data outside' },
      { flags: '--prefix <prefix>', about: 'agents know all tools of this server by their names with this before it, e.g. gh_' },
      { flags: '--name <name>', about: 'agents know the one tool that is registered by this name' },
      { flags: '--replace', about: 'register a changed tool again' },
      { flags: '-y, --yes', about: 'without asking' },
    ],
    examples: ['agw tools add --from http://127.0.0.1:9191/mcp my_tool --risk-level low', 'agw tools add --from http://127.0.0.1:9292/mcp --prefix gh_', 'agw tools add --from http://127.0.0.1:9292/mcp search --name web_search', 'agw tools add --from http://127.0.0.1:9191/mcp my_tool --replace --yes', 'agw tools add --from https://tools.example.com/mcp --header \'Authorization: Bearer $ENV{EXAMPLE_TOKEN}\'', 'agw tools add --from stdio:files --command \'npx -y @modelcontextprotocol/server-filesystem /data\' read_file'],
    negative: 'the server serves no such tool, or the answer was no',
    run: add,
  },
  {
    path: 'tools diff',
    summary: 'Whether a tool is served as registered, and if not, what differs',
    detail: 'Hash, description and schema, and the members outside the hash. The gateway\'s last listing is compared.',
    arguments: [{ name: '<name>', about: 'the tool' }],
    examples: ['agw tools diff my_tool', 'agw tools diff my_tool --json | jq .changes'],
    negative: 'they differ, layer 5 refuses the tool, or it is not registered',
    run: diff,
  },
];

/** An option that says how a server is reached means nothing without the server. */
function refuseWithoutFrom(context: CommandContext): void {
  const said = ['command', 'transport', 'header'].find((name) => context.option(name) !== undefined || context.options(name).length > 0);
  if (said !== undefined && context.option('from') === undefined) throw new CliFailure(`--${said} says how a tool server is reached, and none is named.`, { remedy: 'Name it: --from URL, or --from stdio:NAME', code: 'usage' });
}

async function hash(context: CommandContext): Promise<ExitCode> {
  refuseWithoutFrom(context);
  const from = context.option('from');
  const tool = from === undefined ? await definitionFrom(context, context.argument(0)) : await servedNamed(context, from, context.argument(0));
  const answer = { name: tool.name, hashes: tool.hashes, definition_hash: tool.definitionHash };
  printAnswer(context, answer, () => {
    const about = { seed: 'compact JSON of name, description, inputSchema as served', jcs: 'the same, canonical (RFC 8785)', legacy: 'description and sorted schema' };
    const rows = (['seed', 'jcs', 'legacy'] as const).map((alg) => [alg, tool.hashes[alg], about[alg]]);
    context.terminal.print(`${printable(tool.name)}\n${renderTable([{ title: 'HASH' }, { title: 'VALUE' }, { title: 'OF', shrinks: true }], [...rows, ['definition', tool.definitionHash, 'the whole definition (definition_hash)']], context.terminal)}`);
  });
  return 0;
}

async function definitionFrom({ terminal }: CommandContext, file: string | undefined): Promise<ServedTool> {
  if (file === undefined && canAsk(terminal)) throw new CliFailure('no definition was given.', { remedy: 'Name a file, pipe one in, or use --from URL NAME' });
  const text = file === undefined || file === '-' ? await readAll(terminal.stdin) : readDefinition(file);
  const { toolsReader } = await import('../served-tools.js');
  return toolsReader().describeTool(text);
}

function readDefinition(file: string): string {
  try {
    return decodeUtf8(readFileSync(file), file);
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw unreadable(file, error);
  }
}

async function servedNamed(context: CommandContext, from: string, name: string | undefined): Promise<ServedTool> {
  if (name === undefined) throw new CliFailure('say which tool: --from URL NAME');
  return only(await served(context, from), name, from);
}

async function served(context: CommandContext, from: string): Promise<readonly ServedTool[]> {
  const { servedBy } = await import('../served-tools.js');
  const { serverFor } = await import('../server-options.js');
  const { tools } = await servedBy(from, await serverFor(context, from), { folder: context.project.path('.'), say: (line) => context.terminal.warn(printable(line)) }, givenTimeoutOf(context));
  return tools;
}

function only(tools: readonly ServedTool[], name: string, from: string): ServedTool {
  const found = tools.find((tool) => tool.name === name);
  if (found !== undefined) return found;
  throw new CliFailure(`${from} serves no tool ${printable(name)}.`, { remedy: `It serves: ${tools.map((tool) => printable(tool.name)).join(', ')}`, exitCode: 1, code: 'not_found' });
}

async function list(context: CommandContext): Promise<ExitCode> {
  refuseWithoutFrom(context);
  if (['as', 'cert', 'key', 'tokenFile'].some((name) => context.option(name) !== undefined)) return (await import('../caller-tools.js')).listAsCaller(context);
  const from = context.option('from');
  if (context.option('era') !== undefined) throw new CliFailure('--era is for a list through the gateway, as a caller sees it.', { remedy: 'Say whose: --as SPIFFE-ID-OR-AGENT', code: 'usage' });
  const wide = context.flag('wide');
  const shown = (text: string): string => (wide ? text : shortHash(text));
  if (from === undefined) return listRegistered(context, shown);
  const tools = await served(context, from);
  const answer = { tools: tools.map((tool) => ({ name: tool.name, upstream: from, hashes: tool.hashes, definition_hash: tool.definitionHash, definition: parseJson(tool.text) })) };
  printAnswer(context, answer, () => {
    const rows = tools.map((tool) => [tool.name, shown(tool.hashes.seed), shown(tool.hashes.jcs), textOf(parseJson(tool.text), 'description')]);
    context.terminal.print(renderTable([{ title: 'NAME' }, { title: 'SEED HASH' }, { title: 'JCS HASH' }, { title: 'DESCRIPTION', shrinks: true }], rows, context.terminal));
  });
  return 0;
}

async function listRegistered(context: CommandContext, shown: (hash: string) => string): Promise<ExitCode> {
  const answer = await context.control().get('/v1/tools');
  printAnswer(context, answer, () => {
    const registered = listOf(answer, 'tools').map((tool) => [textOf(tool, 'name'), textOf(tool, 'state'), shown(textOf(tool, 'hash')), textOf(tool, 'upstream')]);
    const others = listOf(answer, 'unregistered').map((tool) => [textOf(tool, 'name'), 'not registered', shown(textOf(member(tool, 'hashes'), 'seed')), textOf(tool, 'upstream')]);
    context.terminal.print(renderTable([{ title: 'NAME' }, { title: 'STATE' }, { title: 'HASH' }, { title: 'UPSTREAM', shrinks: true }], [...registered, ...others], context.terminal));
    const mismatch = mismatchText(listOf(answer, 'tools'), context.terminal.colors);
    if (mismatch !== '') context.terminal.print(`\n${mismatch}`);
  });
  return 0;
}

async function add(context: CommandContext): Promise<ExitCode> {
  const from = given(context.option('from'));
  const file = await registryFile(context);
  const { parseRegistry } = await import('../../engines/registry/registry-file.js');
  const registry = parseRegistry(readConfigText(file), file);
  const prefix = prefixFor(context, registry, from);
  const names = context.argumentsFrom(0);
  const alias = aliasFor(context, registry, from, names);
  const knownAs = (tool: ServedTool): RegisteredTool | undefined => registry.served(from, tool.name) ?? registry.tools.get(alias ?? prefix + tool.name);
  const offered = await served(context, from);
  const chosen = names.length > 0 ? names.map((name) => only(offered, name, from)) : offered.filter((tool) => knownAs(tool)?.upstream !== from);
  if (chosen.length === 0) throw new CliFailure(`all ${plural(offered.length, 'tool')} of ${from} are registered.`, { remedy: 'Name one, with --replace, to register it again.', exitCode: 1 });
  if (!context.flag('replace')) refuseTaken(chosen.map(knownAs).filter((tool) => tool !== undefined), from);
  const { findPoison } = await import('../../engines/registry/poison.js');
  // stderr, so that what is being agreed to is seen even when stdout goes elsewhere
  context.terminal.warn(chosen.map((tool) => describeOffer(tool, findPoison, context)).join('\n\n'));
  if (!(await confirmed(context, `\nRegister ${plural(chosen.length, 'tool')} from ${from}?`))) return 1;
  return register(context, { file, from, prefix, alias }, chosen.map((tool) => ({ tool, name: registry.served(from, tool.name)?.name ?? alias ?? prefix + tool.name, isNew: knownAs(tool) === undefined })));
}

/** A name for one tool; a tool that is registered keeps the name that policies know it by. */
function aliasFor(context: CommandContext, registry: ToolRegistry, from: string, names: readonly string[]): string | undefined {
  const alias = context.option('name');
  if (alias === undefined) return undefined;
  const [served, another] = names;
  if (served === undefined || another !== undefined) throw new CliFailure('--name is for one tool.', { remedy: 'Say which: agw tools add --from URL TOOL --name OTHER' });
  const known = registry.served(from, served);
  if (known === undefined || known.name === alias) return alias;
  throw new CliFailure(`--name ${alias} would rename ${printable(known.name)}.`, { remedy: 'Rename it in your policies, then in the registry: name is what agents know, served_as what its server calls it.', exitCode: 1 });
}

/** A prefix renames what is registered of the server already, in policies as well: that is a person's edit. */
function prefixFor(context: CommandContext, registry: ToolRegistry, from: string): string {
  const before = registry.servers.get(from)?.prefix ?? '';
  const prefix = context.option('prefix') ?? before;
  const renamed = prefix === before ? [] : [...registry.tools.values()].filter((tool) => tool.upstream === from && tool.name === before + tool.servedName);
  if (renamed.length === 0) return prefix;
  throw new CliFailure(`--prefix ${prefix} would rename ${renamed.map((tool) => printable(tool.name)).join(', ')}.`, { remedy: `Rename them in your policies, then set prefix under servers: in the registry.`, exitCode: 1 });
}

function refuseTaken(taken: readonly RegisteredTool[], from: string): void {
  const [other] = taken.filter((tool) => tool.upstream !== from);
  if (other !== undefined) {
    throw new CliFailure(`${printable(other.name)} is registered already, of ${other.upstream}.`, {
      remedy: `Know this server's tools by a prefix: --prefix NAME_; or this one tool by another name: ${printable(other.servedName)} --name OTHER. If the tool has moved to ${from}: --replace.`, exitCode: 1,
    });
  }
  if (taken.length === 0) return;
  throw new CliFailure(`registered already: ${taken.map((tool) => printable(tool.name)).join(', ')}.`, { remedy: 'See agw tools diff NAME, then pass --replace if the change is wanted.', exitCode: 1 });
}

function describeOffer(tool: ServedTool, findPoison: FindPoison, { terminal }: CommandContext): string {
  const { colors } = terminal;
  const definition = parseJson(tool.text);
  const fields = Object.entries(recordOf(definition)).map(([key, value]) => [key, printable(typeof value === 'string' ? value : JSON.stringify(value))] as const);
  const signs = findPoison(definition).map((reason) => colors.red(`  ! ${reason.kind} at ${printable(reason.path)}: this text speaks to the model; do not register it unread`));
  return [renderFields([...fields, ['hash (jcs)', tool.hashes.jcs] as const], colors), ...signs].join('\n');
}

interface Chosen {
  readonly tool: ServedTool;
  /** As agents will know it. */
  readonly name: string;
  readonly isNew: boolean;
}

async function register(context: CommandContext, { file, from, prefix, alias }: { readonly file: string; readonly from: string; readonly prefix: string; readonly alias: string | undefined }, chosen: readonly Chosen[]): Promise<ExitCode> {
  const { setServer, setTool } = await import('../../engines/registry/registry-edit.js');
  const { givenEntry } = await import('../server-options.js');
  const entry: ServerEntry | undefined = givenEntry(context, from);
  editFile(file, (written) => {
    const before = entry === undefined ? written : setServer(written, entry, file);
    const named = context.option('prefix') === undefined ? before : setServer(before, { upstream: from, prefix }, file);
    return chosen.reduce((text, { tool, isNew }) => setTool(text, entryFor(tool, from, context, isNew), file, alias), named);
  });
  const reloaded = await reloadIfRunning(context, file);
  // A tool that was refused because it changed stays refused until a person says that the change is wanted: this is the saying.
  if (reloaded === 'active') for (const { name } of chosen) await context.control().post(`/v1/tools/${encodeURIComponent(name)}/acknowledge`, {});
  printAnswer(context, { registered: chosen.map(({ tool, name }) => ({ name, hash: tool.hashes.jcs, hash_alg: 'jcs' })), active: reloaded === 'active' }, () => {
    context.terminal.print(`registered ${chosen.map(({ name }) => printable(name)).join(', ')} in ${file} (${activeNote(reloaded)})`);
    context.terminal.print('Callers need a policy rule for them; then: agw policy reload');
  });
  if (reloaded === 'active') await warnIfDown(context, from);
  return 0;
}

/** What agw reached the gateway may not: it has other variables. */
async function warnIfDown(context: CommandContext, from: string): Promise<void> {
  const status = await context.control().get('/v1/status').catch(() => undefined);
  const upstream = listOf(status, 'upstreams').find((one) => textOf(one, 'url') === from && textOf(one, 'state') === 'down');
  if (upstream === undefined) return;
  const { remedyForKey } = await import('../key-remedy.js');
  const reason = textOf(upstream, 'error');
  context.terminal.warn(printable(`note: the gateway can't list ${from}, and refuses its tools until it can: ${reason}.`));
  context.terminal.warn(printable(`→ ${remedyForKey(reason, { ofAgw: false }) ?? 'agw inspect upstreams'}`));
}

/** Only what was said is set, so that --replace keeps the operator's own members. A new tool without a risk level is high. */
function entryFor(tool: ServedTool, from: string, context: CommandContext, isNew: boolean): ToolEntry {
  const definition = recordOf(parseJson(tool.text));
  const risk = RISKS.find((level) => level === context.option('riskLevel'));
  const classification = (['public', 'internal', 'confidential', 'sensitive'] as const).find((word) => word === context.option('classification'));
  return {
    name: tool.name,
    description: textOf(definition, 'description'),
    upstream: from,
    hash: tool.hashes.jcs,
    hash_alg: 'jcs',
    definition_hash: tool.definitionHash,
    ...(risk === undefined && !isNew ? {} : { risk_level: risk ?? 'high' }),
    input_schema: { ...recordOf(definition['inputSchema']) },
    ...(classification === undefined ? {} : { classification }),
    ...(context.flag('external') ? { external: true } : {}),
  } as ToolEntry;
}

async function registryFile({ project }: CommandContext): Promise<string> {
  return project.path((await project.config()).registry.file);
}

async function diff(context: CommandContext): Promise<ExitCode> {
  const name = given(context.argument(0));
  const answer = recordOf(await context.control().get(`/v1/tools/${encodeURIComponent(name)}/diff`));
  printAnswer(context, answer, () => context.terminal.print(toolDiffText(answer, context.terminal.colors)));
  return isAsRegistered(answer) ? 0 : 1;
}
