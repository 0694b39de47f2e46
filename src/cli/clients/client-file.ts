// A client's configuration file: read as what its format is, and written whole with a copy of the old one beside it.
import { copyFileSync, existsSync, mkdirSync, chmodSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigFault } from '../../base/config/fault.js';
import { readConfigText, replaceFile } from '../edit-file.js';
import { CliFailure } from '../failure.js';
import type { ClientFacts, Scope } from './facts.js';
import { readJsonServers } from './json-text.js';
import { behindLinks } from './places.js';
import { TextFault } from './text-fault.js';
import { readTomlServers } from './toml-text.js';
import type { ServersText } from './types.js';
import { readYamlServers } from './yaml-text.js';

/** Client files hold keys: a new one of the user's is the user's alone; a project's is the team's. */
const MODES: Readonly<Record<Scope, number>> = { user: 0o600, project: 0o644 };

const BYTE_ORDER_MARK = '\ufeff';

export interface ClientFile {
  readonly file: string;
  /** '' where there is none. */
  readonly text: string;
  readonly servers: ServersText;
}

export type FileShape = Pick<ClientFacts, 'format' | 'at' | 'form'>;

/** Throws ConfigFault with the place, or CliFailure. */
export function openClientFile(file: string, shape: FileShape): ClientFile {
  const text = readConfigText(file);
  return { file, text, servers: placed(file, () => readServers(text, shape)) };
}

/** A change of its text; throws ConfigFault where it is not to be changed. */
export function changed({ file, servers }: ClientFile, change: (servers: ServersText) => string): string {
  return placed(file, () => change(servers));
}

/** Throws TextFault. A byte order mark stays: it is the file's, of whatever format. */
export function readServers(text: string, shape: FileShape): ServersText {
  const mark = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : '';
  const { servers, set, remove } = serversIn(text.slice(mark.length), shape);
  return { servers, set: (name, entry) => mark + set(name, entry), remove: (name) => mark + remove(name) };
}

function serversIn(body: string, { format, at, form }: FileShape): ServersText {
  switch (format) {
    case 'json':
    case 'jsonc': return readJsonServers(body, at);
    case 'toml': return readTomlServers(body, at);
    case 'yaml': return readYamlServers(body, at, form);
  }
}

function placed<Answer>(file: string, read: () => Answer): Answer {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TextFault)) throw error;
    throw new ConfigFault(error.message, { file, line: error.line, column: error.column, remedy: 'Nothing was written. Repair the file, or write the entry by hand.' });
  }
}

/** The copy's path; undefined where there was no file. Throws CliFailure when the file is not what `read` saw: a client may have written it meanwhile. */
export function replaceClientFile(read: ClientFile, text: string, scope: Scope, nowMs: number): string | undefined {
  const target = behindLinks(read.file);
  if (readConfigText(target) !== read.text) throw new CliFailure(`${read.file} was changed meanwhile; nothing was written.`, { remedy: 'Run the command again.', code: 'changed_meanwhile' });
  try {
    mkdirSync(dirname(target), { recursive: true, ...(scope === 'user' ? { mode: 0o700 } : {}) });
    const backup = existsSync(target) ? backupOf(target, nowMs) : undefined;
    if (backup !== undefined) {
      copyFileSync(target, backup);
      chmodSync(backup, statSync(target).mode & 0o777);
    }
    replaceFile(target, text, MODES[scope]);
    return backup;
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw new CliFailure(`${target} cannot be written (${(error as NodeJS.ErrnoException).code ?? ''}).`, { remedy: 'Check who owns its folder.' });
  }
}

/** `mcp.json.20261129T044406Z.bak`; a second one in the same second has a number. */
function backupOf(file: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  for (let copies = 0; ; copies += 1) {
    const name = `${file}.${stamp}${copies === 0 ? '' : `-${copies}`}.bak`;
    if (!existsSync(name)) return name;
  }
}
