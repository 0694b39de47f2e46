// What agw connect does for one client: shows its entry, writes it, or takes it out again.
import { systemClock } from '../../base/clock/clock.js';
import type { CommandContext } from '../command.js';
import { CliFailure, type ExitCode } from '../failure.js';
import { printAnswer } from '../printing.js';
import { confirmed } from '../prompt.js';
import { printable } from '../terminal.js';
import { changed, openClientFile, replaceClientFile, type ClientFile } from './client-file.js';
import { leadingTo, mergedEntry } from './connected.js';
import { entryDifference, entryText } from './entry-text.js';
import type { ClientFacts, Scope, Snippet } from './facts.js';
import { gatewayUrl } from './gateway-url.js';
import { machineOf, placeFor } from './places.js';

export const NAME_DEFAULT = 'precinct';
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

export function nameOf(context: Pick<CommandContext, 'option'>): string {
  const name = context.option('name') ?? NAME_DEFAULT;
  if (!NAME.test(name)) throw new CliFailure(`--name ${name} is no name that every client takes.`, { remedy: 'Take letters, digits, _ and -, beginning with a letter or digit.', code: 'usage' });
  return name;
}

export interface Target {
  readonly file: string;
  readonly scope: Scope;
}

/** --file, or the client's own place of --scope. */
export function targetOf(context: CommandContext, facts: ClientFacts): Target {
  const asked = context.option('scope');
  const scope = asked === 'user' || asked === 'project' ? asked : undefined;
  const file = context.option('file');
  const found = placeFor(facts, machineOf(context), scope);
  if (found === undefined) throw new CliFailure(`${facts.title} has no file of a ${scope ?? ''}.`, { remedy: 'Leave --scope out, or name the file: --file PATH', code: 'usage' });
  return file === undefined ? found : { file, scope: scope ?? found.scope };
}

export async function showSnippet(context: CommandContext, snippet: Snippet): Promise<ExitCode> {
  if (['write', 'remove'].some((flag) => context.flag(flag)) || context.option('file') !== undefined) throw new CliFailure(`${snippet.title} has no file of its own: what is printed goes into your code or your shell.`, { remedy: `Leave the option out: agw connect ${snippet.id}`, code: 'usage' });
  const { url, notes } = await gatewayUrl(context);
  const name = nameOf(context);
  const text = snippet.text({ name, url });
  sayNotes(context, notes);
  printAnswer(context, { client: snippet.id, url, language: snippet.language, text }, () => context.terminal.print(text));
  return 0;
}

export async function connectClient(context: CommandContext, facts: ClientFacts): Promise<ExitCode> {
  if (context.flag('write') && context.flag('remove')) throw new CliFailure('--write and --remove: give one of them.', { code: 'usage' });
  const target = targetOf(context, facts);
  const name = nameOf(context);
  if (context.flag('remove')) return remove(context, facts, target, name);
  const { url, notes } = await gatewayUrl(context);
  sayNotes(context, notes);
  const entry = facts.entry({ name, url });
  return context.flag('write') ? write(context, facts, target, { name, url, entry }) : show(context, facts, target, { name, url, entry });
}

interface Wanted {
  readonly name: string;
  readonly url: string;
  readonly entry: Readonly<Record<string, unknown>>;
}

function show(context: CommandContext, facts: ClientFacts, { file, scope }: Target, { name, url, entry }: Wanted): ExitCode {
  const command = facts.command?.({ name, url }, scope);
  const answer = { client: facts.id, file, scope, name, url, entry, text: entryText(facts, name, entry), ...(command === undefined ? {} : { command }) };
  printAnswer(context, answer, () => {
    const { terminal } = context;
    terminal.warn(`${facts.title} reads ${printable(file)}. agw connect ${facts.id} --write merges this into it:`);
    terminal.print(answer.text);
    if (command !== undefined) terminal.warn(`or: ${command}`);
  });
  return 0;
}

async function write(context: CommandContext, facts: ClientFacts, { file, scope }: Target, { name, url, entry }: Wanted): Promise<ExitCode> {
  const read = openClientFile(file, facts);
  const before = read.servers.servers.find((server) => server.name === name)?.value;
  const merged = mergedEntry(before, entry);
  const text = changed(read, (servers) => servers.set(name, merged));
  const answer = { client: facts.id, file, scope, name, url, entry };
  const others = leadingTo(read.servers.servers, url).filter((server) => server.name !== name);
  for (const other of others) context.terminal.warn(`note: ${printable(other.name)} in ${file}:${other.line} leads to this gateway, too`);
  if (text === read.text) {
    printAnswer(context, { ...answer, state: 'unchanged' }, () => context.terminal.print(`${facts.title} is connected already: ${printable(name)} in ${printable(file)}`));
    return 0;
  }
  context.terminal.warn(`${printable(file)}${read.text === '' ? ' (new)' : ''}\n${entryDifference(facts, name, before, merged, context.terminal.colors)}`);
  if (!(await confirmed(context, '\nWrite this?'))) return 1;
  const backup = replaceClientFile(read, text, scope, systemClock.nowMs());
  printAnswer(context, { ...answer, state: 'connected', backup: backup ?? null }, () => {
    context.terminal.print(`connected ${facts.title} to ${url}: ${printable(name)} in ${printable(file)}${backupNote(backup)}`);
    context.terminal.print(facts.then);
  });
  return 0;
}

async function remove(context: CommandContext, facts: ClientFacts, { file, scope }: Target, name: string): Promise<ExitCode> {
  const read: ClientFile = openClientFile(file, facts);
  const before = read.servers.servers.find((server) => server.name === name);
  if (before === undefined) throw new CliFailure(`${facts.title} has no server ${name} in ${file}.`, { remedy: `It names: ${read.servers.servers.map((server) => printable(server.name)).join(', ') || 'none'}`, exitCode: 1, code: 'not_found' });
  context.terminal.warn(`${printable(file)}\n${entryDifference(facts, name, before.value, undefined, context.terminal.colors)}`);
  if (!(await confirmed(context, '\nRemove this?'))) return 1;
  const backup = replaceClientFile(read, changed(read, (servers) => servers.remove(name)), scope, systemClock.nowMs());
  printAnswer(context, { client: facts.id, file, scope, name, state: 'removed', backup: backup ?? null }, () => {
    context.terminal.print(`removed ${printable(name)} from ${printable(file)}${backupNote(backup)}`);
    context.terminal.print(facts.then);
  });
  return 0;
}

export function backupNote(backup: string | undefined): string {
  return backup === undefined ? '' : ` (as it was: ${printable(backup)})`;
}

function sayNotes({ terminal }: CommandContext, notes: readonly string[]): void {
  for (const note of notes) terminal.warn(`note: ${note}`);
}
