// agw's command table and its entry: which commands there are, and what each ends with.
import { CommanderError } from 'commander';
import { readEnvironment, type Environment } from '../base/config/environment.js';
import { ConfigFault, describeFault, placeText } from '../base/config/fault.js';
import type { CommandContext, CommandSpec } from './command.js';
import { describeSystemFault } from '../base/config/system-fault.js';
import { approvalsCommands } from './commands/approvals.js';
import { approverCommands } from './commands/approver.js';
import { auditCommands } from './commands/audit.js';
import { bridgeCommands } from './commands/bridge.js';
import { completionCommands } from './commands/completion.js';
import { configCommands } from './commands/config.js';
import { connectCommands } from './commands/connect.js';
import { doctorCommands } from './commands/doctor.js';
import { identityCommands } from './commands/identity.js';
import { importCommands } from './commands/import.js';
import { inspectCommands } from './commands/inspect.js';
import { policyCommands } from './commands/policy.js';
import { rulesCommands } from './commands/rules.js';
import { secretCommands } from './commands/secret.js';
import { sessionsCommands } from './commands/sessions.js';
import { statusCommands } from './commands/status.js';
import { toolsCallCommands } from './commands/tools-call.js';
import { toolsCommands } from './commands/tools.js';
import { trafficCommands } from './commands/traffic.js';
import { upstreamsCommands } from './commands/upstreams.js';
import { controlClient } from './control-client.js';
import { CliFailure, type ExitCode } from './failure.js';
import { findProject } from './project.js';
import { buildProgram, explainUsage, type GroupSpec, type Runner } from './program.js';
import { warnJson } from './printing.js';
import { textOf } from './reading.js';
import { printable, processTerminal, type Terminal } from './terminal.js';

/** In the order of `agw --help`. To add a command: one entry in one of these files. */
export const COMMANDS: readonly CommandSpec[] = [
  ...statusCommands,
  ...doctorCommands,
  ...connectCommands,
  ...importCommands,
  ...identityCommands,
  ...inspectCommands,
  ...upstreamsCommands,
  ...trafficCommands,
  ...toolsCallCommands,
  ...bridgeCommands,
  ...sessionsCommands,
  ...toolsCommands,
  ...policyCommands,
  ...rulesCommands,
  ...auditCommands,
  ...approverCommands,
  ...approvalsCommands,
  ...secretCommands,
  ...configCommands,
  ...completionCommands,
];

export const GROUPS: readonly GroupSpec[] = [
  { name: 'identity', summary: 'Who may call: registered SPIFFE IDs' },
  { name: 'inspect', summary: 'What the running gateway knows of tools, layers, an identity, sessions, upstreams, and its traffic' },
  { name: 'sessions', summary: 'MCP sessions: end one, or all of a caller' },
  { name: 'tools', summary: 'Tools: call them through the gateway; hash, register, compare definitions' },
  { name: 'policy', summary: 'Rego policies: ask, reload, list, test' },
  { name: 'rules', summary: 'Detection rules: list them, import those of gitleaks' },
  { name: 'audit', summary: 'The audit log: search, verify, follow, explain', alone: 'audit search' },
  { name: 'approver', summary: 'Who may approve: signing keys' },
  { name: 'approvals', summary: 'Calls that wait for a person', alone: 'approvals list' },
  { name: 'secret', summary: 'Secrets that tools receive by reference' },
  { name: 'config', summary: 'The config file: check it, show it' },
];

export interface Installation {
  readonly terminal: Terminal;
  readonly environment: Environment;
  readonly workingDir: string;
  readonly installedIn: string;
}

/** Runs one command line (without `node agw`). Never throws; prints what went wrong. */
export async function runCommandLine(argv: readonly string[], installation: Installation): Promise<ExitCode> {
  const { terminal } = installation;
  const words = completeWords(argv);
  const json = wantsJson(argv, installation.environment);
  let exit: ExitCode = 0;
  const output = { out: (text: string) => terminal.print(text.trimEnd()), err: (text: string) => (json ? undefined : terminal.warn(text.trimEnd())) }; // a group's help beside its error is for people
  const program = buildProgram(COMMANDS, GROUPS, runnerFor(installation), output, (code) => (exit = code));
  try {
    await program.parseAsync([...words], { from: 'user' });
    return exit;
  } catch (error) {
    const failure = error instanceof CommanderError ? explainUsage(error, program, words) : asFailure(error);
    return failure === undefined ? 0 : reportFailure(failure, terminal, json);
  }
}

function wantsJson(argv: readonly string[], environment: Environment): boolean {
  return argv.includes('--json') || environment.json;
}

/** `agw` alone is its help, `agw help policy` and `agw -h policy` that of a group; `agw audit --last 1` is `agw audit search --last 1`. */
function completeWords(argv: readonly string[]): readonly string[] {
  if (argv.length === 0) return ['--help'];
  if (argv[0] === 'help' || argv[0] === '--help' || argv[0] === '-h') return isKnown(argv[1]) ? [...argv.slice(1), '--help'] : argv.slice(1);
  if (argv[0] === '--version' || argv[0] === '-V' || argv[0] === '-v') return ['version', ...argv.slice(1)];
  const alone = GROUPS.find((group) => group.name === argv[0])?.alone;
  const bare = argv[1] === undefined || (argv[1].startsWith('-') && argv[1] !== '--help' && argv[1] !== '-h');
  return alone !== undefined && bare ? [...alone.split(' '), ...argv.slice(1)] : argv;
}

function isKnown(word: string | undefined): boolean {
  return word === undefined || COMMANDS.some(({ path }) => path.split(' ', 1)[0] === word);
}

function runnerFor(installation: Installation): Runner {
  return (spec, positional, options) => spec.run(contextOf(installation, positional, options));
}

function contextOf(installation: Installation, positional: readonly (string | string[] | undefined)[], options: Readonly<Record<string, unknown>>): CommandContext {
  const { terminal, environment } = installation;
  const option = (name: string): string | undefined => (typeof options[name] === 'string' ? options[name] : undefined);
  const project = findProject({ ...installation, configFile: option('config'), gateway: option('gateway') }, environment);
  return {
    terminal,
    json: options['json'] === true || environment.json,
    project,
    workingDir: installation.workingDir,
    environment,
    control: () => controlClient(project.socketPath),
    argument: (index) => (typeof positional[index] === 'string' ? positional[index] : undefined),
    argumentsFrom: (index) => positional.slice(index).flatMap((item) => item ?? []),
    option,
    options: (name) => (Array.isArray(options[name]) ? options[name].map(String) : []),
    flag: (name) => options[name] === true,
  };
}

function reportFailure(failure: CliFailure, terminal: Terminal, json: boolean): ExitCode {
  if (json) warnJson({ terminal }, { error: { code: failure.code ?? 'error', message: failure.message, remediation: failure.remedy } });
  else terminal.warn([`agw: ${failure.message.split('\n').map(printable).join('\n')}`, ...(failure.remedy === undefined ? [] : [failure.remedy.split('\n').map(printable).join('\n')])].join('\n'));
  return failure.exitCode;
}

function asFailure(error: unknown): CliFailure {
  if (error instanceof CliFailure) return error;
  if (error instanceof ConfigFault) return new CliFailure(describeFault(error), { code: 'config_fault' });
  if (isPlaced(error)) return new CliFailure(`${placeText(error)}: ${error.message}`, { code: 'file_fault' });
  const refused = describeSystemFault(error);
  if (refused !== undefined) return new CliFailure(refused.message, { remedy: refused.remedy, ...hintsOf({ code: textOf(error, 'code') }) });
  return new CliFailure(error instanceof Error ? error.message : String(error), hintsOf(error));
}

/** Engines' faults carry their code and remedy as members of their own. */
function hintsOf(error: unknown): { remedy?: string; code?: string } {
  const remedy = textOf(error, 'remedy');
  const code = textOf(error, 'code');
  return { ...(remedy === '' ? {} : { remedy }), ...(code === '' ? {} : { code }) };
}

/** Engines' own errors with a place: PolicyError and its like. */
function isPlaced(error: unknown): error is Error & { file: string; line: number; column: number } {
  return error instanceof Error && 'file' in error && typeof error.file === 'string' && 'line' in error && 'column' in error;
}

/** What bin/agw calls. */
export async function main(installedIn: string): Promise<void> {
  const environment = readEnvironment();
  const argv = process.argv.slice(2);
  // An answer that could not be printed is none: neither ALLOW nor DENY.
  const terminal = processTerminal(environment.noColor, (fault) => process.exit(reportFailure(asFailure(fault), terminal, wantsJson(argv, environment))));
  process.exitCode = await runCommandLine(argv, { terminal, environment, workingDir: process.cwd(), installedIn });
}
