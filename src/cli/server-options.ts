// Which tool server --from, --command and --transport mean: what was typed, else the server's entry in the registry.
import { STDIO_UPSTREAM, toServer, type ServerEntry } from '../engines/registry/server-entry.js';
import { parseRegistry } from '../engines/registry/registry-file.js';
import type { RegisteredServer } from '../engines/registry/types.js';
import type { CommandContext } from './command.js';
import { readConfigText } from './edit-file.js';
import { CliFailure } from './failure.js';
import { typedHeaders } from './typed-headers.js';

/** Undefined: a Streamable HTTP endpoint, which needs no entry. Throws CliFailure. */
export async function serverFor(context: CommandContext, from: string): Promise<RegisteredServer | undefined> {
  const entry = givenEntry(context, from);
  const registered = entry?.command === undefined ? await registeredServer(context, from) : undefined;
  if (entry !== undefined) return typedOver(entry, registered);
  if (registered === undefined && STDIO_UPSTREAM.test(from)) throw new CliFailure(`no entry of the registry says what starts ${from}.`, { remedy: `Say it: --command 'PROGRAM ARGUMENTS'` });
  return registered;
}

/** What was not typed is as registered. */
function typedOver(entry: ServerEntry, registered: RegisteredServer | undefined): RegisteredServer {
  const known = registered?.transport;
  return toServer(known === undefined || known.kind === 'stdio' ? entry : { transport: known.kind, ...(known.headers === undefined ? {} : { headers: known.headers }), ...entry }, 0);
}

/** What was typed, for the registry; undefined where nothing was. */
export function givenEntry(context: CommandContext, from: string): ServerEntry | undefined {
  const command = context.option('command');
  const transport = context.option('transport');
  const headers = context.options('header');
  const isProcess = from.startsWith('stdio:');
  if (isProcess && !STDIO_UPSTREAM.test(from)) throw new CliFailure(`${from} is no name of a process.`, { remedy: 'Write stdio:NAME, of letters, digits, points and hyphens' });
  if (command !== undefined && !isProcess) throw new CliFailure(`--command starts a process, and ${from} is a URL.`, { remedy: 'Write --from stdio:NAME' });
  if (isProcess && headers.length > 0) throw new CliFailure('a process is spoken to over its pipes: --header is for URLs.', { remedy: 'Give a process its key as a variable: in the registry, under servers: env: {NAME: \'$ENV{NAME}\'}' });
  if (isProcess && transport !== undefined) throw new CliFailure('a process is spoken to over its pipes: --transport is for URLs.');
  if (command !== undefined) {
    const [program, ...args] = words(command);
    if (program === undefined) throw new CliFailure('--command names no program.');
    return { upstream: from, command: program, ...(args.length === 0 ? {} : { args }) };
  }
  if (headers.length === 0 && transport === undefined) return undefined;
  return { upstream: from, ...(transport === 'sse' || transport === 'streamable_http' ? { transport } : {}), ...(headers.length === 0 ? {} : { headers: typedHeaders(headers) }) };
}

async function registeredServer({ project }: CommandContext, from: string): Promise<RegisteredServer | undefined> {
  try {
    const file = project.path((await project.config()).registry.file);
    return parseRegistry(readConfigText(file), file).servers.get(from);
  } catch (fault) {
    if (STDIO_UPSTREAM.test(from)) throw fault;
    return undefined; // a URL is listed wherever the command runs
  }
}

/** As a shell parts them, quotes included, and nothing else of a shell. */
function words(text: string): string[] {
  if (/["']/.test(text.replace(/"[^"]*"|'[^']*'/g, ''))) throw new CliFailure('--command has a quote that is not closed.', { remedy: 'Close it, or put it in quotes of the other kind.' });
  const found = text.match(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g) ?? [];
  return found.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, (_all, double: string | undefined, single: string | undefined) => double ?? single ?? ''));
}
