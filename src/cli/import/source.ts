// Where servers are imported from: a client's files on this machine, or a file of any of the known shapes.
import { existsSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { proposal } from '../../base/config/nearest.js';
import { openClientFile, type ClientFile, type FileShape } from '../clients/client-file.js';
import { CLIENT_IDS, CLIENTS, type ClientFacts, type Scope } from '../clients/facts.js';
import { behindLinks, machineOf, placesOf, type Machine } from '../clients/places.js';
import type { CommandContext } from '../command.js';
import { CliFailure } from '../failure.js';

/** One place where servers stand. */
export interface SourceFile {
  readonly read: ClientFile;
  readonly shape: FileShape;
  readonly scope: Scope;
  /** Whose file it is; undefined: nobody's that is known. */
  readonly client: ClientFacts | undefined;
  /** The folder that a project's servers run in; of a file of nobody's, those whose command names something in it. */
  readonly folder: string | undefined;
}

/** Where a file of no client's own may have them. */
const SHAPES: Readonly<Record<string, readonly FileShape[]>> = {
  '.toml': [{ format: 'toml', at: ['mcp_servers'], form: 'map' }],
  '.yaml': [{ format: 'yaml', at: ['mcpServers'], form: 'named' }, { format: 'yaml', at: ['extensions'], form: 'map' }],
  '': [['mcpServers'], ['servers'], ['context_servers'], ['mcp', 'servers'], ['mcp', 'mcpServers']].map((at): FileShape => ({ format: 'jsonc', at, form: 'map' })),
};

/** Throws CliFailure where there is no such source, ConfigFault where a file is wrong. */
export function openSource(context: CommandContext, source: string): readonly SourceFile[] {
  const machine = machineOf(context);
  const file = resolve(context.workingDir, source);
  const facts = CLIENTS.find(({ id }) => id === (source === 'claude' ? 'claude-desktop' : source));
  if (facts !== undefined && !existsSync(file)) return filesOf(context, facts, machine);
  if (existsSync(file)) return [openFile(file, machine)];
  const isWord = /^[\w-]+$/.test(source);
  throw new CliFailure(isWord ? `no client and no file ${source} is known.` : `there is no file ${source}.`, { remedy: `${proposal(source, CLIENT_IDS) ?? ''} Name a file, or one of: claude, ${CLIENTS.map(({ id }) => id).join(', ')}`.trim(), exitCode: isWord ? 2 : 1, code: 'not_found' });
}

function filesOf(context: CommandContext, facts: ClientFacts, machine: Machine): readonly SourceFile[] {
  const scope = context.option('scope');
  const places = placesOf(facts, machine).filter((place) => scope === undefined || place.scope === scope);
  const there = places.filter(({ exists }) => exists);
  if (there.length === 0) throw new CliFailure(`${facts.title} has no file here.`, { remedy: `Looked for: ${places.map(({ file }) => file).join(', ')}. Name it, if it is elsewhere: agw import PATH`, exitCode: 1, code: 'not_found' });
  return there.flatMap(({ file, scope: of }) => opened(file, facts, of, machine));
}

/** Claude Code keeps what a user added to one project in the user's file, under the project's path (code.claude.com/docs/en/mcp, scope local). */
function opened(file: string, facts: ClientFacts, scope: Scope, machine: Machine): SourceFile[] {
  const own: SourceFile = { read: openClientFile(file, facts), shape: facts, scope, client: facts, folder: scope === 'project' ? machine.workingDir : undefined };
  if (facts.id !== 'claude-code' || scope !== 'user') return [own];
  const local: FileShape = { ...facts, at: ['projects', machine.workingDir, 'mcpServers'] };
  return [own, { read: openClientFile(file, local), shape: local, scope, client: facts, folder: machine.workingDir }];
}

function openFile(file: string, machine: Machine): SourceFile {
  for (const facts of CLIENTS) {
    const place = placesOf(facts, machine).find((one) => one.exists && behindLinks(one.file) === behindLinks(file));
    if (place !== undefined) return opened(file, facts, place.scope, machine)[0] ?? unknownOwner(file);
  }
  return unknownOwner(file);
}

function unknownOwner(file: string): SourceFile {
  const ending = extname(file).replace('.yml', '.yaml');
  const read = (SHAPES[ending] ?? SHAPES[''] ?? []).map((shape) => ({ shape, read: openClientFile(file, shape) }));
  const [found = read[0]] = read.filter((one) => one.read.servers.servers.length > 0);
  if (found === undefined || found.read.servers.servers.length === 0) throw new CliFailure(`${file} names no MCP servers.`, { remedy: 'They stand under mcpServers, servers, context_servers, mcp_servers (TOML) or extensions (goose).', exitCode: 1, code: 'not_found' });
  return { ...found, scope: 'project', client: undefined, folder: dirname(file) };
}
