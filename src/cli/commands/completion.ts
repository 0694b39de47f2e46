// agw completion: scripts that let the shell complete commands and options, made from the command table.
import { given, type CommandContext, type CommandSpec } from '../command.js';
import type { ExitCode } from '../failure.js';
import { GLOBAL_OPTIONS } from '../program.js';

export const completionCommands: readonly CommandSpec[] = [
  {
    path: 'completion',
    summary: 'A completion script for bash, zsh or fish',
    arguments: [{ name: '<shell>', about: 'bash, zsh or fish' }],
    examples: ['source <(agw completion bash)', 'agw completion zsh > "${fpath[1]}/_agw"', 'agw completion fish > ~/.config/fish/completions/agw.fish'],
    run: completion,
  },
];

const SHELLS = ['bash', 'zsh', 'fish'];

async function completion(context: CommandContext): Promise<ExitCode> {
  const shell = given(context.argument(0));
  if (!SHELLS.includes(shell)) {
    const { CliFailure } = await import('../failure.js');
    const { proposal } = await import('../../base/config/nearest.js');
    throw new CliFailure(`no completion for ${shell}.`, { remedy: proposal(shell, SHELLS) ?? `There is: ${SHELLS.join(', ')}` });
  }
  // The table imports this file: so it is fetched when the command runs, not before.
  const { COMMANDS } = await import('../index.js');
  const script = shell === 'bash' ? bashScript(COMMANDS) : shell === 'zsh' ? zshScript(COMMANDS) : fishScript(COMMANDS);
  context.terminal.print(script.trimEnd());
  return 0;
}

/** What may follow each sequence of words: `''` → groups and commands, `audit` → search …, `audit search` → options. */
export function followers(commands: readonly CommandSpec[]): Map<string, string[]> {
  const found = new Map<string, Set<string>>();
  const put = (before: string, word: string): void => void found.set(before, (found.get(before) ?? new Set()).add(word));
  for (const spec of commands) {
    const words = spec.path.split(' ');
    words.forEach((word, i) => put(words.slice(0, i).join(' '), word));
    for (const flag of longFlags(spec)) put(spec.path, flag);
    if (spec.path === 'completion') SHELLS.forEach((shell) => put('completion', shell));
  }
  return new Map([...found].map(([before, words]) => [before, [...words]]));
}

function longFlags(spec: Pick<CommandSpec, 'options'>): string[] {
  return [...(spec.options ?? []), ...GLOBAL_OPTIONS, { flags: '--help' }].flatMap((option) => /--[\w-]+/.exec(option.flags)?.[0] ?? []);
}

function caseLines(commands: readonly CommandSpec[]): string {
  return [...followers(commands)].map(([before, words]) => `    "${before}") words="${words.join(' ')}" ;;`).join('\n');
}

function bashScript(commands: readonly CommandSpec[]): string {
  return `_agw() {
  local at="" words="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    [[ "$word" == -* ]] && break
    at="\${at:+$at }$word"
  done
  case "$at" in
${caseLines(commands)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _agw agw
`;
}

function zshScript(commands: readonly CommandSpec[]): string {
  return `#compdef agw
_agw() {
  local at="" word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ "$word" == -* ]] && break
    at="\${at:+$at }$word"
  done
  local -a found
  case "$at" in
${caseLines(commands).replaceAll('words="', 'found=(${(s: :):-"').replaceAll('" ;;', '"}) ;;')}
  esac
  compadd -a found
}
compdef _agw agw
`;
}

function fishScript(commands: readonly CommandSpec[]): string {
  const lines = [...followers(commands)].map(([before, words]) => `complete -c agw -n '__agw_at "${before}"' -a '${words.join(' ')}'`);
  return `function __agw_at
  set -l at
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; and break
    set -a at $word
  end
  test "$at" = "$argv[1]"
end
complete -c agw -f
${lines.join('\n')}
`;
}
