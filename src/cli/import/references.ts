// References in client files: `${env:NAME}`, `${NAME:-default}`, `$NAME`, `${input:id}`, folders. What each stands for, and as which variable of the gateway it can be written.
import type { Machine } from '../clients/places.js';

export interface Resolved {
  readonly text: string;
  /** Variables it took a value of. */
  readonly used: readonly string[];
  /** Variables that have no value here. */
  readonly missing: readonly string[];
}

export interface Folders extends Pick<Machine, 'home' | 'variable'> {
  readonly folder: string;
  /** `$NAME` without braces is a reference: Gemini CLI's way; elsewhere it is part of a text, such as a password. */
  readonly bare: boolean;
}

const REFERENCE = /\$\{([^{}]+)\}|\$([A-Za-z_][A-Za-z0-9_]*)/g;
const FOLDERS = /^(?:workspaceFolder(?::.*)?|userHome|cwd|pathSeparator|\/)$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Claude Code, Gemini CLI: `${NAME}`; VS Code, Cursor, Windsurf: `${env:NAME}`; VS Code asks for `${input:id}`. */
export function resolved(text: string, { home, folder, variable, bare: takesBare }: Folders): Resolved {
  const used: string[] = [];
  const missing: string[] = [];
  const valueOf = (name: string, fallback: string | undefined): string => {
    const value = variable(name) ?? fallback;
    (value === undefined ? missing : used).push(name);
    return value ?? '';
  };
  const replaced = text.replace(REFERENCE, (whole, braced: string | undefined, bare: string | undefined) => {
    if (bare !== undefined && !takesBare) return whole;
    const inner = braced ?? bare ?? '';
    if (braced !== undefined && /^(?:workspaceFolder(?::.*)?|cwd)$/.test(inner)) return folder;
    if (braced !== undefined && inner === 'userHome') return home;
    if (braced !== undefined && (inner === 'pathSeparator' || inner === '/')) return '/';
    const name = variableNamed(inner);
    return name === undefined ? whole : valueOf(name, /:-(.*)$/s.exec(inner)?.[1]);
  });
  return { text: replaced, used, missing };
}

/** The one variable that a text is, and nothing else. */
export function soleVariable(text: string, { bare: takesBare }: Pick<Folders, 'bare'>): string | undefined {
  const [whole, braced, bare] = /^\$(?:\{([^{}]+)\}|([A-Za-z_][A-Za-z0-9_]*))$/.exec(text) ?? [];
  return whole === undefined || (bare !== undefined && !takesBare) ? undefined : variableNamed(braced ?? bare ?? '');
}

function variableNamed(inner: string): string | undefined {
  if (FOLDERS.test(inner)) return undefined;
  const name = inner.replace(/^env:/, '').replace(/:-.*$/s, '');
  const input = /^input:(.+)$/.exec(inner)?.[1];
  if (input !== undefined) return variableName(input);
  return NAME.test(name) ? name : undefined;
}

/** Any text as the name of a variable. */
export function variableName(text: string): string {
  return text.toUpperCase().replace(/[^A-Z0-9]+/g, '_').replace(/^_+|_+$/g, '').replace(/^(?=\d|$)/, '_');
}
