// An entry of `servers` in the registry file: how a tool server is spoken to, where its URL alone does not say.
import * as z from 'zod';
import { NAMED_VARIABLE, namesVariables } from '../../base/config/environment.js';
import { ConfigFault } from '../../base/config/fault.js';
import type { YamlFile } from '../../base/config/yaml-lines.js';
import { isGatewaysHeader } from '../../mcp/request-headers.js';
import type { RegisteredServer, ServerTransport } from './types.js';

export const SERVERS_MAX = 1000; // each is listed and asked, and may be a process
const PREFIX_LENGTH_MAX = 64;
const ARGS_MAX = 200;
const ENV_MAX = 100;
const HEADERS_MAX = 32;
const HEADER_LENGTH_MAX = 8192; // servers take 8 to 16 KiB of all headers
const TEXT_LENGTH_MAX = 32_768; // Linux takes 128 KiB for one argument

/** A process has no address: its name stands in the same place. */
export const STDIO_UPSTREAM = /^stdio:[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const text = z.string().max(TEXT_LENGTH_MAX).refine((value) => !value.includes('\0'), 'must not hold a zero byte');

const noCallersSecret = [(one: string): boolean => !one.includes('$SPIKE{'), 'must hold no $SPIKE{…}: such a secret is one caller\'s, and put into that caller\'s calls'] as const;
const value = text.refine((one) => NAMED_VARIABLE.test(one) || !one.includes('$ENV{'), 'must be $ENV{NAME} alone, or a text without it').refine(...noCallersSecret);

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'must be the name of a header') // RFC 9110, section 5.1; the bound is ours
  .refine((name) => !isGatewaysHeader(name), 'must be no header of HTTP\'s framing, of MCP or of the trace: those are the gateway\'s own');
const headerValue = z.string().max(HEADER_LENGTH_MAX).regex(/^(?![\t ])[\t\x20-\x7e\x80-\xff]*(?<![\t ])$/, 'must be one line of Latin-1, without spaces around it')
  .refine(namesVariables, 'must write a variable as $ENV{NAME}').refine(...noCallersSecret);
const headers = z.record(headerName, headerValue, { error: ({ input }) => (typeof input === 'object' && !Array.isArray(input) ? undefined : 'must be NAME: VALUE, one to a line, without a hyphen before it') })
  .refine((one) => Object.keys(one).length <= HEADERS_MAX, `must not have more than ${HEADERS_MAX} headers`)
  .refine((one) => new Set(Object.keys(one).map((name) => name.toLowerCase())).size === Object.keys(one).length, 'must not name a header twice: upper and lower case are the same');

/** `upstream`: what a tool may name as its own. */
export function serverSchema(upstream: z.ZodType<string, string>) {
  return z.strictObject({
    upstream,
    prefix: z.string().max(PREFIX_LENGTH_MAX).regex(/^[A-Za-z0-9_.-]*$/, 'must be of letters, digits, _, . and -').default('').describe('goes before the name of each of its tools, e.g. gh_'),
    transport: z.enum(['streamable_http', 'sse']).optional().describe('streamable_http (default) or sse, the HTTP+SSE of 2024-11-05'),
    headers: headers.optional().describe('added to all that is sent to a URL; $ENV{NAME} within a value is a variable of the gateway\'s own'),
    command: text.min(1).optional().describe('an executable; no shell reads it'),
    args: z.array(text).max(ARGS_MAX).optional().describe('one text each'),
    env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of a variable'), value).refine((env) => Object.keys(env).length <= ENV_MAX, `must not have more than ${ENV_MAX} variables`).optional().describe('variables, added to PATH, HOME and LANG; $ENV{NAME} is the gateway\'s own'),
    cwd: text.min(1).optional().describe('the folder it runs in'),
    instance: z.enum(['shared', 'session']).optional().describe('shared (default) or session'),
  });
}

export type ServerEntry = z.input<ReturnType<typeof serverSchema>>;
const OF_URLS = ['transport', 'headers'] as const;
const OF_PROCESSES = ['command', 'args', 'env', 'cwd', 'instance'] as const;

export function toServer(entry: ServerEntry, line: number): RegisteredServer {
  return Object.freeze({ upstream: entry.upstream, prefix: entry.prefix ?? '', transport: Object.freeze(transportOf(entry)), line });
}

function transportOf(entry: ServerEntry): ServerTransport {
  if (entry.command === undefined) return { kind: entry.transport ?? 'streamable_http', ...(entry.headers === undefined ? {} : { headers: Object.freeze({ ...entry.headers }) }) };
  return { kind: 'stdio', program: Object.freeze({ command: entry.command, args: Object.freeze([...entry.args ?? []]), env: Object.freeze({ ...entry.env }), cwd: entry.cwd, instance: entry.instance ?? 'shared' }) };
}

type Named = readonly { readonly upstream: string }[];

/** What no entry says by itself. `users`: what names an upstream, by section. */
export function serverFaults(servers: readonly ServerEntry[], users: Readonly<Record<string, Named>>, yaml: YamlFile): ConfigFault[] {
  const named = new Set<string>();
  const faults: ConfigFault[] = [];
  const fault = (path: readonly (string | number)[], message: string, remedy: string): void => void faults.push(new ConfigFault(message, { file: yaml.file, ...yaml.placeOf(path), remedy }));
  for (const [index, server] of servers.entries()) {
    const at = `servers[${index}]`;
    named.add(server.upstream);
    if (STDIO_UPSTREAM.test(server.upstream)) {
      if (server.command === undefined) fault(['servers', index], `${at}: ${server.upstream} has no command.`, 'Write command: with the executable that is the server.');
      for (const key of OF_URLS) if (server[key] !== undefined) fault(['servers', index, key], `${at}.${key}: a process is spoken to over its pipes.`, `Remove ${key}:, or name the server by its URL.`);
      continue;
    }
    for (const key of OF_PROCESSES) if (server[key] !== undefined) fault(['servers', index, key], `${at}.${key}: ${server.upstream} is a URL, which the gateway calls and does not run.`, `Remove ${key}:, or name the server stdio:NAME, here and at its tools.`);
  }
  const missing = new Set<string>();
  for (const [section, entries] of Object.entries(users)) {
    for (const [index, { upstream }] of entries.entries()) {
      if (!STDIO_UPSTREAM.test(upstream) || named.has(upstream) || missing.has(upstream)) continue;
      missing.add(upstream); // one fault for each server, not for each of its tools
      fault([section, index, 'upstream'], `${section}[${index}].upstream: ${upstream} has no entry in servers.`, `Add under servers: - upstream: ${upstream}, with the command that starts it.`);
    }
  }
  return faults;
}
