// Where a client's file is on this machine: the table's paths with the user's folders in them.
import { existsSync, lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { dirname, isAbsolute, posix, resolve, win32 } from 'node:path';
import type { CommandContext } from '../command.js';
import type { ClientFacts, ClientPlace, Platform, Scope } from './facts.js';

export interface Machine {
  readonly platform: Platform;
  readonly home: string;
  readonly workingDir: string;
  variable(name: string): string | undefined;
}

export interface FoundPlace {
  readonly scope: Scope;
  readonly file: string;
  readonly exists: boolean;
}

const LINKS_MAX = 16; // a ring of symbolic links ends

/** Variables of a path, where they are not set. */
const USUAL: Readonly<Record<string, string>> = { APPDATA: '~/AppData/Roaming', XDG_CONFIG_HOME: '~/.config', CODEX_HOME: '~/.codex' };

export function machineOf({ environment, workingDir }: Pick<CommandContext, 'environment' | 'workingDir'>): Machine {
  const { platform } = process;
  return { platform: platform === 'darwin' || platform === 'win32' ? platform : 'linux', home: homeOf(environment.bare['HOME'] ?? homedir()), workingDir, variable: environment.secret };
}

/** Below a home that is empty or relative, a user's file would be one of the folder where agw was typed. */
function homeOf(said: string): string {
  return isAbsolute(said) ? said : userInfo().homedir;
}

/** In the table's order. */
export function placesOf(facts: ClientFacts, machine: Machine): FoundPlace[] {
  return facts.places.map((place) => ({ scope: place.scope, file: pathOf(place, machine) })).map((found) => ({ ...found, exists: existsSync(found.file) }));
}

/** The one that is written: of `scope` where one was asked for; the first that exists, else the first. */
export function placeFor(facts: ClientFacts, machine: Machine, scope: Scope | undefined): FoundPlace | undefined {
  const places = placesOf(facts, machine).filter((place) => scope === undefined || place.scope === scope);
  return places.find(({ exists }) => exists) ?? places[0];
}

function pathOf({ path }: ClientPlace, machine: Machine): string {
  const written = typeof path === 'string' ? path : path[machine.platform] ?? '';
  const { isAbsolute: isWhole, join, normalize } = machine.platform === 'win32' ? win32 : posix;
  const home = (text: string): string => (text.startsWith('~/') ? join(machine.home, text.slice(2)) : text);
  // As the XDG specification has it: a relative folder is none.
  const wholeOr = (usual: string, said = ''): string => (isWhole(said) ? said : usual);
  const [, name, rest = ''] = /^\$(\w+)\/(.*)$/.exec(written) ?? [];
  if (name !== undefined) return join(normalize(wholeOr(home(USUAL[name] ?? '~/'), machine.variable(name))), rest);
  return written.startsWith('./') ? join(machine.workingDir, written.slice(2)) : home(written);
}

/** The file behind symbolic links, also where it does not exist yet. */
export function behindLinks(file: string): string {
  let at = file;
  for (let links = 0; links < LINKS_MAX; links += 1) {
    if (existsSync(at)) return realpathSync(at);
    if (lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return at;
    at = resolve(dirname(at), readlinkSync(at));
  }
  return at;
}
