// Help as data, made from the command table, and as text of a given width. Imports nothing that runs: `agw --help` loads this file and no other.
import type { CommandSpec, OptionSpec } from './command.js';

/** Help of the program, of a group or of a command. */
export interface HelpPage {
  readonly usage: string;
  readonly about: string;
  readonly sections: readonly HelpSection[];
  /** Printed as it is, below. */
  readonly after: string;
}

export interface HelpSection {
  readonly title: string;
  readonly rows: readonly (readonly [term: string, about: string])[];
}

/** By the words after `agw`; the program's own page is at ''. */
export type HelpPages = Readonly<Record<string, HelpPage>>;

export interface HelpTable {
  readonly commands: readonly CommandSpec[];
  readonly groups: readonly { readonly name: string; readonly summary: string }[];
  readonly about: string;
  readonly options: readonly OptionSpec[];
  readonly exitCodes: readonly (readonly [string | number, string])[];
  readonly environment: readonly (readonly [string, string])[];
}

const WIDTH_DEFAULT = 80;
const WIDTH_MIN = 40; // below it nothing is wrapped
const GAP = 2;
const LISTED_WIDTH = 14;
const HELP_ROW = ['-h, --help', 'show this help'] as const;

/** Every page there is. */
export function helpPages(table: HelpTable): HelpPages {
  const pages: [string, HelpPage][] = [['', programPage(table)]];
  for (const { name, summary } of table.groups) {
    const children = table.commands.filter(({ path }) => path.startsWith(`${name} `));
    pages.push([name, { usage: `agw ${name} [options] [command]`, about: summary, sections: [{ title: 'Options:', rows: [HELP_ROW] }, { title: 'Commands:', rows: children.map((spec) => [termOf(spec), spec.summary]) }], after: '' }]);
  }
  for (const spec of table.commands) pages.push([spec.path, commandPage(spec)]);
  return Object.fromEntries(pages);
}

function programPage({ commands, groups, about, options, exitCodes, environment }: HelpTable): HelpPage {
  const firstWords = [...new Set(commands.map(({ path }) => path.split(' ', 1)[0] ?? ''))];
  const rows = firstWords.map((word): readonly [string, string] => {
    const spec = commands.find(({ path }) => path === word);
    return spec === undefined ? [word, groups.find(({ name }) => name === word)?.summary ?? ''] : [termOf(spec), spec.summary];
  });
  const listed = (pairs: readonly (readonly [string | number, string])[]): string => {
    const width = Math.max(...pairs.map(([key]) => String(key).length), LISTED_WIDTH);
    return pairs.map(([key, meaning]) => `  ${String(key).padEnd(width)} ${meaning}`).join('\n');
  };
  return {
    usage: 'agw [options] [command]', about, sections: [{ title: 'Options:', rows: [...options.map(optionRow), HELP_ROW] }, { title: 'Commands:', rows }],
    after: `Exit codes:\n${listed(exitCodes)}\n\nEnvironment:\n${listed(environment)}\n\nagw COMMAND --help shows examples.`,
  };
}

function commandPage(spec: CommandSpec): HelpPage {
  const { summary, detail, negative } = spec;
  const taken = spec.arguments ?? [];
  return {
    usage: ['agw', spec.path, '[options]', ...taken.map(({ name }) => name)].join(' '),
    about: detail === undefined ? `${summary}.` : `${summary}. ${detail}`,
    sections: [
      ...(taken.length === 0 ? [] : [{ title: 'Arguments:', rows: taken.map(({ name, about }): readonly [string, string] => [name.replace(/[<>[\].]/g, ''), about]) }]),
      { title: 'Options:', rows: [...(spec.options ?? []).map(optionRow), HELP_ROW] },
    ],
    after: `Examples:\n${spec.examples.map((line) => `  $ ${line}`).join('\n')}\n${negative === undefined ? '' : `\nExit code 1: ${negative}.`}`.trimEnd(),
  };
}

/** As a group or the program lists it. */
function termOf(spec: CommandSpec): string {
  return [spec.path.split(' ').at(-1), ...((spec.options ?? []).length > 0 ? ['[options]'] : []), ...(spec.arguments ?? []).map(({ name }) => name)].join(' ');
}

function optionRow({ flags, about, choices }: OptionSpec): readonly [string, string] {
  return [flags, choices === undefined ? about : `${about} (choices: ${choices.map((word) => JSON.stringify(word)).join(', ')})`];
}

/** One page as lines of at most `width` columns; undefined: nobody said how wide. */
export function helpText(page: HelpPage, width: number = WIDTH_DEFAULT): string {
  const termWidth = Math.max(...page.sections.flatMap(({ rows }) => rows.map(([term]) => term.length)));
  const left = GAP + termWidth + GAP;
  const blocks = page.sections.map(({ title, rows }) => [title, ...rows.map(([term, about]) => `${' '.repeat(GAP)}${term.padEnd(termWidth + GAP)}${wrap(about, width - left).join(`\n${' '.repeat(left)}`)}`)].join('\n'));
  return [`Usage: ${page.usage}`, wrap(page.about, width).join('\n'), ...blocks, ...(page.after === '' ? [] : [page.after])].join('\n\n');
}

function wrap(text: string, width: number): string[] {
  if (width < WIDTH_MIN) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** The path of the page that a command line asks for and nothing else; undefined = it asks for more than help, or for what there is not. */
export function helpAskedFor(words: readonly string[], pages: HelpPages): string | undefined {
  const isHelp = (word: string | undefined): boolean => word === '--help' || word === '-h';
  const path = words.length === 0 || words[0] === 'help' || isHelp(words[0]) ? words.slice(1) : isHelp(words.at(-1)) ? words.slice(0, -1) : undefined;
  const key = path?.join(' ');
  return key !== undefined && Object.hasOwn(pages, key) ? key : undefined;
}
