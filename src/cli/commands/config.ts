// agw config: is the file right, and what does the gateway make of it.
import { existsSync } from 'node:fs';
import type { CommandContext, CommandSpec } from '../command.js';
import { CliFailure, type ExitCode } from '../failure.js';
import { ConfigFault, placeText } from '../../base/config/fault.js';
import { PolicyError } from '../../engines/policy/types.js';
import { plural, printAnswer } from '../printing.js';
import { printable } from '../terminal.js';

export const configCommands: readonly CommandSpec[] = [
  {
    path: 'config check',
    summary: 'Check the config file and every file it names, and say each fault with its line',
    detail: 'Warns of policies that load and decide nothing, or may conflict. Keys and certificates are checked by agw doctor.',
    examples: ['agw config check', 'agw config check --config config/gateway.yaml --json'],
    negative: 'a file has faults, or the policies do not load',
    run: check,
  },
  {
    path: 'config show',
    summary: 'The config with every default filled in, as the gateway would start with it',
    arguments: [{ name: '[section]', about: 'one section or key, such as dlp or front.port' }],
    examples: ['agw config show', 'agw config show dlp', 'agw config show --json | jq .front'],
    negative: 'there is no such section',
    run: show,
  },
];

async function check(context: CommandContext): Promise<ExitCode> {
  const { project } = context;
  const read = await faultsOf(context);
  const { faults: named, warnings } = read.length > 0 ? { faults: [], warnings: [] } : await checkNamed(context);
  const faults = [...read, ...named];
  const listed = faults.map((fault) => ({ file: fault.file, line: fault.line, column: fault.column, message: fault.message, remediation: fault.remedy }));
  printAnswer(context, { file: project.configFile, faults: listed, warnings }, () => {
    printFaults(context, faults);
    for (const warning of warnings) context.terminal.print(`${context.terminal.colors.yellow('!')} ${printable(warning)}`);
  });
  return faults.length === 0 ? 0 : 1;
}

/** Every file that the config names. */
async function checkNamed(context: CommandContext): ReturnType<typeof policiesOf> {
  const files = await namedFaults(context);
  const { faults, warnings } = await policiesOf(context);
  return { faults: [...files, ...faults], warnings };
}

/** Of what the file names: policies that don't load, with which no gateway starts; and those that load and decide nothing, or conflict. */
async function policiesOf({ project }: CommandContext): Promise<{ readonly faults: readonly ConfigFault[]; readonly warnings: readonly string[] }> {
  const { openPolicies } = await import('../offline-policy.js');
  const config = await project.config();
  const absent = config.policy.dirs.filter((dir) => !existsSync(project.path(dir))).map((dir) => `policy.dirs: there is no folder ${dir}`);
  try {
    const set = await openPolicies(project);
    set.close();
    return { faults: [], warnings: [...absent, ...set.warnings.map((warning) => `${placeText(warning)}: ${warning.message}`)] };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return { faults: [new ConfigFault(error.message, error)], warnings: absent };
  }
}

/** Registry, identities, thresholds, destinations, chains and rules. */
async function namedFaults({ project }: CommandContext): Promise<ConfigFault[]> {
  const { findFileFaults } = await import('../../jobs/find-faults.js');
  return findFileFaults(project.root, await project.config()).flatMap((fault) => {
    if (fault instanceof ConfigFault) return [fault, ...fault.others];
    throw fault;
  });
}

async function faultsOf({ project }: CommandContext): Promise<ConfigFault[]> {
  try {
    await project.config();
    return [];
  } catch (error) {
    if (error instanceof ConfigFault) return [error, ...error.others];
    throw error;
  }
}

function printFaults({ terminal, project }: CommandContext, faults: readonly ConfigFault[]): void {
  const { colors } = terminal;
  for (const fault of faults) {
    terminal.print(`${colors.bold(placeText(fault))}: ${printable(fault.message)}${fault.remedy === undefined ? '' : ` ${colors.dim(printable(fault.remedy))}`}`);
  }
  terminal.print(faults.length === 0 ? `${colors.green('✓')} ${project.configFile} is right` : `${colors.red('✗')} ${plural(faults.length, 'fault')}`);
}

async function show(context: CommandContext): Promise<ExitCode> {
  const config: unknown = await context.project.config();
  const section = context.argument(0);
  let found = config;
  for (const key of section?.split('.') ?? []) {
    const next = stepInto(found, key);
    if (next === undefined) {
      const { proposal } = await import('../../base/config/nearest.js');
      const known = typeof found === 'object' && found !== null ? Object.keys(found) : [];
      throw new CliFailure(`there is no ${section ?? ''} in the config.`, { exitCode: 1, code: 'not_found', remedy: proposal(key, known) ?? (known.length === 0 ? 'What stands before it is a value.' : `There is: ${known.join(', ')}.`) });
    }
    found = next;
  }
  const { toYaml } = await import('../to-yaml.js');
  printAnswer(context, found, () => context.terminal.print(toYaml(found).trimEnd()));
  return 0;
}

function stepInto(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}
