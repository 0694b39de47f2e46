// What in a client's file is a secret, or may be one: such values are never printed, and never copied into a file of the gateway's.
import { recordOf } from '../reading.js';

/** Where clients keep variables and headers of a server. */
const SECRET_HOLDERS: ReadonlySet<string> = new Set(['env', 'envs', 'headers', 'http_headers', 'requestInit']);
const SECRET_WORDS = /(?:^|[-_ .])(?:api[-_]?key|key|token|secret|pass(?:word|wd|phrase)?|pwd|auth(?:orization)?|bearer|credentials?|cookie|session|dsn|pat)(?:$|[-_ .])/i;
/** Forms of well-known keys; the gateway's own rules look at calls, these at one word of a command. */
const KEY_FORMS = /^(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}$|^gh[opsur]_[A-Za-z0-9]{20,}$|^github_pat_|^glpat-|^xox[abpr]-|^AKIA[A-Z0-9]{16}$|^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.|^AIza[A-Za-z0-9_-]{20,}$|^(?:npm|hf|dop_v1|shpat|lin_api|ntn|secret)_[A-Za-z0-9]{16,}/;
/** Values that tell nothing: switches, numbers, levels, folders. */
const HARMLESS = /^(?:true|false|yes|no|on|off|\d{1,6}|trace|debug|info|warn|warning|error|fatal|production|development|test|stdio|http|utf-?8|(?:[a-z]{2}_[A-Z]{2}\.UTF-8)|(?:~|\.{1,2}|[A-Za-z]:)?[\\/][\w./\\ -]{0,200})$/i;

/** A variable that may stand in a file of the gateway's as it is: neither its name nor its value has anything of a secret. */
export function isHarmlessVariable(name: string, value: string): boolean {
  return !SECRET_WORDS.test(name) && HARMLESS.test(value) && !KEY_FORMS.test(value);
}

/** Why this word of a command must not be written down; undefined = nothing says so. `before`: the word before it. */
export function secretInArgument(word: string, before: string): string | undefined {
  const [, flag, value] = /^--?([\w.-]+)[=:](.+)$/s.exec(word) ?? [];
  if (flag !== undefined && value !== undefined && SECRET_WORDS.test(flag) && !isReference(value)) return `--${flag} holds a secret`;
  if (/^--?[\w.-]+$/.test(before) && SECRET_WORDS.test(before.replace(/^--?/, '')) && !word.startsWith('-') && !isReference(word)) return `${before} is followed by a secret`;
  if (/^[\w-]+\s*:\s*\S/.test(word) && SECRET_WORDS.test(word.slice(0, word.indexOf(':'))) && !/^https?:/i.test(word) && !isReference(word)) return 'a header with a secret';
  if (KEY_FORMS.test(word)) return 'it has the form of a key';
  return secretInUrl(word) ?? secretInAssignment(word);
}

function secretInAssignment(word: string): string | undefined {
  const [, name, value] = /^([A-Za-z_]\w*)=(.+)$/s.exec(word) ?? [];
  return name !== undefined && value !== undefined && SECRET_WORDS.test(name) && !isReference(value) ? `${name}= holds a secret` : undefined;
}

/** A password, or a key among the parameters. */
export function secretInUrl(text: string): string | undefined {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.password !== '') return 'a URL with a password';
  const name = [...url.searchParams.keys()].find((key) => SECRET_WORDS.test(key));
  return name === undefined ? undefined : `a URL with ${name}=`;
}

/** `${NAME}` and the like name a secret and hold none. */
function isReference(text: string): boolean {
  return /\$\{[^}]+\}|^\$[A-Za-z_]\w*$/.test(text);
}

/** An entry as it may be shown: without the values of variables and headers, and without words of its command that look like secrets. */
export function shownEntry(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((word: unknown, at) => (typeof word === 'string' && secretInArgument(word, typeof value[at - 1] === 'string' ? String(value[at - 1]) : '') !== undefined ? '…' : shownEntry(word)));
  if (typeof value === 'string') return secretInUrl(value) === undefined && !KEY_FORMS.test(value) ? value : '…';
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, SECRET_HOLDERS.has(key) ? hidden(held) : SECRET_WORDS.test(key) && typeof held === 'string' ? '…' : shownEntry(held)]));
}

function hidden(value: unknown): unknown {
  return Object.fromEntries(Object.entries(recordOf(value)).map(([key, held]) => [key, typeof held === 'object' && held !== null ? hidden(held) : '…']));
}

export function masked(text: string, secrets: readonly string[]): string {
  return [...secrets].sort((one, other) => other.length - one.length).reduce((left, secret) => left.replaceAll(secret, '…'), text);
}
