// agw rules: the detection rules of layer 7 and of the response firewall, and those of gitleaks beside them.
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DlpRule } from '../../engines/dlp/types.js';
import { given, type CommandContext, type CommandSpec } from '../command.js';
import { activeNote, readConfigText, reloadIfRunning, replaceFile } from '../edit-file.js';
import { CliFailure, type ExitCode } from '../failure.js';
import { plural, printAnswer, printJson } from '../printing.js';
import { confirmed } from '../prompt.js';
import type { LeftOutRule, ReadRules } from '../rules/gitleaks.js';
import { renderTable } from '../table.js';
import { printable } from '../terminal.js';

const IMPORTED_FILE = 'gitleaks.yaml';
const LEFT_OUT_SHOWN_MAX = 40;

export const rulesCommands: readonly CommandSpec[] = [
  { path: 'rules list', summary: 'Detection rules, as the files of config/dlp have them', examples: ['agw rules list'], run: list },
  {
    path: 'rules import',
    summary: 'Take over the rules of a gitleaks.toml, as credentials',
    detail: `Writes them into ${IMPORTED_FILE} of the rules' folder, whole: a later import replaces it. What can't be taken over is named with its reason: rules for files of certain names, with lists of exceptions, `
      + 'or in a syntax that the two engines read differently. Imported rules have no samples: try them on your own texts before they block calls (dlp.credentials).',
    arguments: [{ name: '<file>', about: 'a gitleaks.toml of gitleaks 8' }],
    options: [{ flags: '--dry-run', about: 'show what would be written, and write nothing' }, { flags: '-y, --yes', about: 'without asking' }],
    examples: ['agw rules import gitleaks.toml --dry-run', 'agw rules import gitleaks.toml --yes'],
    negative: 'none of its rules can be taken over, or the answer was no',
    run: importRules,
  },
];

async function rulesFolder(context: CommandContext): Promise<string> {
  return context.project.path((await context.project.config()).dlp.dir);
}

async function list(context: CommandContext): Promise<ExitCode> {
  const { dlp } = await context.project.config();
  const { readRules } = await import('../../jobs/read-sources.js');
  const listed = (await parsed(readRules(context.project.root, dlp.dir))).map(({ id, category, file, line, description }) => ({ id, category, file, line, description }));
  printAnswer(context, { rules: listed }, () => {
    const rows = listed.map(({ id, category, file, line, description }) => [id, category, `${file}:${line}`, description]);
    context.terminal.print(renderTable([{ title: 'RULE' }, { title: 'CATEGORY' }, { title: 'FILE' }, { title: 'FINDS', shrinks: true }], rows, context.terminal));
  });
  return 0;
}

async function importRules(context: CommandContext): Promise<ExitCode> {
  const source = given(context.argument(0));
  const { rules, leftOut, notes } = await readSource(source);
  const { stringifyRules } = await import('../rules/rule-text.js');
  const file = join(await rulesFolder(context), IMPORTED_FILE);
  const answer = { file, imported: rules.map(({ id }) => id), left_out: leftOut, notes, written: false };
  if (rules.length === 0) throw new CliFailure(`${source}: none of its ${plural(leftOut.length, 'rule')} can be taken over.`, { remedy: leftOut[0] === undefined ? '' : `The first: ${leftOut[0].id}: ${leftOut[0].reason}`, exitCode: 1, code: 'nothing_to_import' });
  const text = `# Made by agw rules import: ${plural(rules.length, 'rule')} of a gitleaks.toml, which stay under its licence. A later import replaces this file.\n${stringifyRules(rules)}`;
  const before = readConfigText(file);
  const say = context.flag('dryRun') && !context.json ? (line: string): void => context.terminal.print(line) : (line: string): void => context.terminal.warn(line);
  say(`${plural(rules.length, 'rule')} of ${rules.length + leftOut.length} for ${file}${before === '' ? '' : before === text ? ', as they are there' : ', in place of what is there'}`);
  for (const line of [...leftOutLines(leftOut), ...notes.map((note) => `note: ${note}`)]) say(line);
  await checkTogether(context, text);
  if (context.flag('dryRun')) {
    if (context.json) printJson(context, answer);
    return 0;
  }
  if (before !== text && !(await confirmed(context, `Write ${plural(rules.length, 'rule')} that block calls where dlp.credentials is block?`))) return 1;
  mkdirSync(dirname(file), { recursive: true });
  if (before !== text) replaceFile(file, text);
  const reloaded = await reloadIfRunning(context, file);
  printAnswer(context, { ...answer, written: true, active: reloaded === 'active' }, () => context.terminal.print(`imported ${plural(rules.length, 'rule')} (${activeNote(reloaded)})`));
  return 0;
}

/** As the gateway will read them: beside the others, or it would refuse its start. Throws ConfigFault. */
async function checkTogether(context: CommandContext, text: string): Promise<void> {
  const { dlp } = await context.project.config();
  const { readRules } = await import('../../jobs/read-sources.js');
  const folder = await rulesFolder(context);
  const others = existsSync(folder) ? readRules(context.project.root, dlp.dir).filter((other) => context.project.path(other.file) !== join(folder, IMPORTED_FILE)) : [];
  await parsed([...others, { file: join(dlp.dir, IMPORTED_FILE), text }]);
}

async function parsed(files: readonly { readonly file: string; readonly text: string }[]): Promise<readonly DlpRule[]> {
  const { joinRules, parseRules } = await import('../../engines/dlp/rule-file.js');
  return joinRules(files.map(({ file, text }) => parseRules(text, file)));
}

async function readSource(source: string): Promise<ReadRules> {
  if (!existsSync(source)) throw new CliFailure(`${source}: there is no such file.`, { remedy: 'Name a gitleaks.toml: config/gitleaks.toml of the gitleaks project, or your own.' });
  const { readGitleaks } = await import('../rules/gitleaks.js');
  try {
    return readGitleaks(readConfigText(source));
  } catch (fault) {
    if (fault instanceof CliFailure || !(fault instanceof Error)) throw fault;
    throw new CliFailure(`${source} is no gitleaks.toml that can be read: ${printable(fault.message.split('\n')[0] ?? '')}.`, { remedy: 'It is TOML, and its rules are tables called [[rules]].' });
  }
}

function leftOutLines(leftOut: readonly LeftOutRule[]): string[] {
  const more = leftOut.length - LEFT_OUT_SHOWN_MAX;
  return [...leftOut.slice(0, LEFT_OUT_SHOWN_MAX).map(({ id, reason }) => `left out ${printable(id)}: ${printable(reason)}`), ...(more > 0 ? [`left out ${more} more (--json names all)`] : [])];
}
