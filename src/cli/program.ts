// The command table as a commander program: parsing, help with examples, the nearest command proposed, exit codes.
import { Command, CommanderError, Option } from 'commander';
import { ENVIRONMENT_VARIABLES } from '../base/config/environment.js';
import { nearest } from '../base/config/nearest.js';
import type { CommandSpec, OptionSpec } from './command.js';
import { CliFailure, EXIT_CODES, type ExitCode } from './failure.js';
import { helpPages, helpText, type HelpPages } from './help.js';

export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { flags: '--json', about: 'print JSON, for machines' },
  { flags: '--gateway <address>', about: 'the control socket\'s path, or the agents\' http(s)://host:port: health, tools call, tools list --as' },
  { flags: '--config <file>', about: 'the config file (default: config/gateway.yaml here or above)' },
];

/** Called with what was parsed; its exit code becomes the program's. */
export type Runner = (spec: CommandSpec, positional: readonly (string | string[] | undefined)[], options: Readonly<Record<string, unknown>>) => Promise<ExitCode>;

export interface ProgramOutput {
  out(text: string): void;
  err(text: string): void;
}

/** `alone` runs when `group` is typed with nothing behind it: `agw audit`. */
export interface GroupSpec {
  readonly name: string;
  readonly summary: string;
  readonly alone?: string;
}

const ABOUT = 'Operates a PRECINCT gateway: identities, tools, policies, approvals, secrets and the audit log.';

/** All help there is, as data: what the program prints, and what the build keeps for bin/agw. */
export function allHelp(commands: readonly CommandSpec[], groups: readonly GroupSpec[]): HelpPages {
  return helpPages({ commands, groups, about: ABOUT, options: GLOBAL_OPTIONS, exitCodes: EXIT_CODES, environment: ENVIRONMENT_VARIABLES });
}

export function buildProgram(commands: readonly CommandSpec[], groups: readonly GroupSpec[], run: Runner, output: ProgramOutput, done: (exit: ExitCode) => void): Command {
  const pages = allHelp(commands, groups);
  const program = prepare(new Command('agw'), output).configureHelp({
    formatHelp: (command, { helpWidth }) => {
      const page = pages[pathOf(command).join(' ')];
      return page === undefined ? '' : helpText(page, helpWidth);
    },
  });
  for (const option of GLOBAL_OPTIONS) program.addOption(toOption(option));
  for (const spec of commands) addCommand(homeOf(program, spec, groups, output), spec, output, async (positional, options) => done(await run(spec, positional, options)));
  return program;
}

function prepare(command: Command, output: ProgramOutput): Command {
  return command
    .exitOverride()
    .showSuggestionAfterError(false)
    .helpCommand(false)
    .helpOption('-h, --help', 'show this help')
    .configureOutput({ writeOut: output.out, writeErr: output.err, outputError: () => undefined });
}

/** The program itself, or its group, made with the first of its commands: help then keeps the table's order. */
function homeOf(program: Command, spec: CommandSpec, groups: readonly GroupSpec[], output: ProgramOutput): Command {
  const [name = '', ...rest] = spec.path.split(' ');
  if (rest.length === 0) return program;
  const made = program.commands.find((command) => command.name() === name);
  if (made !== undefined) return made;
  const group = groups.find((candidate) => candidate.name === name);
  if (group === undefined) throw new RangeError(`no group for ${spec.path}`);
  return prepare(program.command(name), output);
}

function addCommand(home: Command, spec: CommandSpec, output: ProgramOutput, run: (positional: (string | string[] | undefined)[], options: Record<string, unknown>) => Promise<void>): void {
  const command = prepare(home.command(spec.path.split(' ').at(-1) ?? ''), output);
  for (const argument of spec.arguments ?? []) command.argument(argument.name, argument.about);
  for (const option of spec.options ?? []) command.addOption(toOption(option));
  command.action(async (...parameters: unknown[]) => {
    refuseMissing(spec, command);
    await run(parameters.slice(0, -2) as (string | string[] | undefined)[], command.optsWithGlobals());
  });
}

/** commander would say this before it says that another option is unknown, which is the reason more often than not. */
function refuseMissing(spec: CommandSpec, command: Command): void {
  const missing = (spec.options ?? []).find((option) => option.required === true && command.getOptionValue(toOption(option).attributeName()) === undefined);
  if (missing !== undefined) throw new CommanderError(2, 'commander.missingMandatoryOptionValue', `required option '${missing.flags}' not specified`);
}

function toOption(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.about);
  if (spec.choices !== undefined) option.choices([...spec.choices]);
  if (spec.repeats === true) option.argParser<string[]>((value, before) => [...before ?? [], value]);
  return option;
}

/** Wrong usage as a failure, with what was probably meant; undefined for help that was asked for. */
export function explainUsage(error: CommanderError, program: Command, words: readonly string[]): CliFailure | undefined {
  if (error.exitCode === 0) return undefined;
  const command = commandAt(program, words);
  const name = ['agw', ...pathOf(command)].join(' ');
  const message = error.message.replace(/^error: /, '').replace(/\.$/, '');
  if (error.code === 'commander.help') return new CliFailure(`say what to do: ${name} ${command.commands.map((child) => child.name()).join('|')}`, { code: 'usage' });
  return new CliFailure(`${message}.`, { code: 'usage', remedy: [proposalFor(error, command, words), `See: ${name} --help`].filter((part) => part !== undefined).join('\n') });
}

function proposalFor(error: CommanderError, command: Command, words: readonly string[]): string | undefined {
  if (error.code === 'commander.unknownOption') {
    const wrong = /'([^']+)'/.exec(error.message)?.[1] ?? '';
    const known = [...command.options, ...rootOf(command).options].flatMap((option) => (option.long === undefined || option.long === null ? [] : [option.long]));
    return propose(wrong.split('=', 1)[0] ?? '', [...known, '--help']);
  }
  if (error.code !== 'commander.unknownCommand' && error.code !== 'commander.excessArguments') return undefined;
  const wrong = words.filter((word) => !word.startsWith('-'))[pathOf(command).length] ?? '';
  const found = nearest(wrong, command.commands.map((child) => child.name()));
  const grouped = command.parent === null ? inGroups(command) : undefined;
  const whole = grouped?.get(wrong) ?? (found === undefined ? grouped?.get(nearest(wrong, [...grouped.keys()]) ?? '') : undefined);
  if (whole !== undefined) return `Did you mean ${whole}?`;
  return found === undefined ? undefined : `Did you mean ${['agw', ...pathOf(command), found, ...wordsBehind(command, found, words)].join(' ')}?`;
}

/** Whole commands by their last word, where it is of one group alone: `layers` is `agw inspect layers`. */
function inGroups(program: Command): Map<string, string> {
  const all = program.commands.flatMap((group) => group.commands.map((child) => [child.name(), `agw ${group.name()} ${child.name()}`] as const));
  return new Map(all.filter(([name]) => all.filter(([other]) => other === name).length === 1));
}

/** A right word behind the wrong one belongs to what was meant, and a second slip is corrected as well. */
function wordsBehind(command: Command, found: string, words: readonly string[]): string[] {
  const child = command.commands.find((candidate) => candidate.name() === found);
  const next = words.filter((word) => !word.startsWith('-'))[pathOf(command).length + 1];
  if (child === undefined || next === undefined || child.commands.length === 0) return [];
  const meant = nearest(next, child.commands.map((one) => one.name()));
  return meant === undefined ? [] : [meant];
}

function propose(wrong: string, known: readonly string[], before = ''): string | undefined {
  const found = nearest(wrong, known);
  return found === undefined ? undefined : `Did you mean ${before}${found}?`;
}

/** The deepest command the words name. */
function commandAt(program: Command, words: readonly string[]): Command {
  let command = program;
  for (const word of words.filter((item) => !item.startsWith('-'))) {
    const child = command.commands.find((candidate) => candidate.name() === word);
    if (child === undefined) break;
    command = child;
  }
  return command;
}

function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()];
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}
