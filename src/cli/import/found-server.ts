// A server's entry of any client, as one thing: how it is reached, with which variables and headers; or why it is not imported.
import { commandOf, isOwnBridge, urlOf } from '../clients/connected.js';
import { isSamePlace } from '../clients/gateway-url.js';
import type { FileServer } from '../clients/types.js';
import { member, recordOf, textOf, truthOf } from '../reading.js';

export type Way =
  | { readonly kind: 'streamable_http' | 'sse'; readonly url: string }
  | { readonly kind: 'stdio'; readonly command: string; readonly args: readonly string[]; readonly cwd: string | undefined };

export interface FoundServer {
  readonly name: string;
  readonly line: number;
  readonly way: Way;
  /** As written, references and all. */
  readonly env: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  /** A program that reaches the URL for the client: its words hold the headers. */
  readonly bridge?: boolean;
}

export interface LeftOut {
  readonly name: string;
  readonly line: number;
  readonly reason: string;
  readonly remedy?: string;
}

/** `gatewayUrl`: what leads there is no tool server. */
export function foundServer({ name, value, line }: FileServer, clientId: string | undefined, gatewayUrl: string): FoundServer | LeftOut {
  const left = (reason: string, remedy?: string): LeftOut => ({ name, line, reason, ...(remedy === undefined ? {} : { remedy }) });
  if (isSamePlace(urlOf(value), gatewayUrl) || isOwnBridge(commandOf(value))) return left('it is this gateway');
  if (truthOf(value, 'disabled') || member(value, 'enabled') === false) return left('it is switched off in the file');
  if (member(value, 'envFile') !== undefined) return left('its variables come from a file (envFile)', 'Put them into the gateway\'s environment and name them in env: as ${env:NAME}');
  const [command, ...before] = commandOf(value);
  const env = { ...textMap(value, 'env', 'envs'), ...textMap(member(value, 'command'), 'env') };
  const headers = headersOf(value);
  const url = urlOf(value);
  if (url !== '') return { name, line, way: { kind: transportOf(value, clientId), url }, env: command === undefined ? {} : env, headers: { ...headers, ...bridgedHeaders(before) }, ...(command === undefined ? {} : { bridge: true }) };
  if (command === undefined) return left('it has neither a command nor a URL');
  const cwd = textOf(value, 'cwd');
  return { name, line, way: { kind: 'stdio', command, args: before, cwd: cwd === '' ? undefined : cwd }, env, headers };
}

export function isLeftOut(found: object): found is LeftOut {
  return 'reason' in found;
}

/** What clients call the transports. A bare `url` is Streamable HTTP, but for Gemini CLI, whose httpUrl is that. */
function transportOf(value: unknown, clientId: string | undefined): 'streamable_http' | 'sse' {
  const words = [textOf(value, 'type'), textOf(value, 'transport'), textOf(value, 'transportType')].filter((word) => word !== '');
  const args = commandOf(value);
  if (words.includes('sse') || args[args.indexOf('--transport') + 1]?.startsWith('sse') === true) return 'sse';
  return clientId === 'gemini-cli' && words.length === 0 && textOf(value, 'url') !== '' ? 'sse' : 'streamable_http';
}

function headersOf(value: unknown): Record<string, string> {
  const bearer = textOf(value, 'bearer_token_env_var'); // Codex: names of variables
  const named = Object.entries(textMap(value, 'env_http_headers')).map(([header, variable]) => [header, `\${env:${variable}}`] as const);
  return { ...textMap(value, 'headers', 'http_headers'), ...textMap(member(value, 'requestInit'), 'headers'), ...Object.fromEntries(named), ...(bearer === '' ? {} : { Authorization: `Bearer \${env:${bearer}}` }) };
}

/** Those that a bridge is told: --header Name:value. */
function bridgedHeaders(args: readonly string[]): Record<string, string> {
  const told = args.flatMap((word, at) => (args[at - 1] === '--header' ? [/^([\w-]+)\s*:\s*(.*)$/s.exec(word)] : []));
  return Object.fromEntries(told.flatMap((match) => (match === null ? [] : [[match[1] ?? '', match[2] ?? '']])));
}

function textMap(value: unknown, ...keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.flatMap((key) => Object.keys(recordOf(member(value, key))).map((name) => [name, textOf(member(value, key), name)])));
}
