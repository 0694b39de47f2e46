// What a command is: its words, arguments, options, examples, and the function that runs it. The table in index.ts lists them all.
import type { Environment } from '../base/config/environment.js';
import type { ControlClient } from './control-client.js';
import type { ExitCode } from './failure.js';
import type { Project } from './project.js';
import type { Terminal } from './terminal.js';

export interface ArgumentSpec {
  /** `<name>` required, `[name]` optional, `[names...]` many. */
  readonly name: string;
  readonly about: string;
}

export interface OptionSpec {
  /** commander's notation: `--caller <id>`, `-y, --yes`. */
  readonly flags: string;
  readonly about: string;
  /** Words the value must be one of. */
  readonly choices?: readonly string[];
  readonly required?: boolean;
  /** It may be given again; the command reads it with `options`. */
  readonly repeats?: boolean;
}

export interface CommandSpec {
  /** The words after `agw`: `audit search`. */
  readonly path: string;
  readonly summary: string;
  readonly detail?: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  /** Shell lines, without a prompt. */
  readonly examples: readonly string[];
  /** What exit code 1 means here; absent when the command has no negative answer. */
  readonly negative?: string;
  readonly run: (context: CommandContext) => Promise<ExitCode>;
}

export interface CommandContext {
  readonly terminal: Terminal;
  /** JSON was asked for, by --json or AGW_JSON. */
  readonly json: boolean;
  readonly project: Project;
  /** Where the command was typed: project files of clients are looked for here. */
  readonly workingDir: string;
  /** What the command was started with. */
  readonly environment: Environment;
  /** Found lazily: commands that read files alone need no gateway. */
  readonly control: () => ControlClient;
  /** An argument that was given, else undefined. */
  readonly argument: (index: number) => string | undefined;
  /** All of a variadic argument, from `index` on. */
  readonly argumentsFrom: (index: number) => readonly string[];
  readonly option: (name: string) => string | undefined;
  /** All values of an option that may be given again. */
  readonly options: (name: string) => readonly string[];
  readonly flag: (name: string) => boolean;
}

/** A required argument or option; commander has refused its absence already. */
export function given<Text extends string>(value: Text | undefined): Text {
  if (value === undefined) throw new RangeError('a required value is absent');
  return value;
}
