// agw connect: an MCP client's configuration for this gateway, printed or merged into the client's own file.
import { CLIENT_IDS, CLIENTS, SNIPPETS } from '../clients/facts.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { CliFailure, type ExitCode } from '../failure.js';

export const connectCommands: readonly CommandSpec[] = [
  {
    path: 'connect',
    summary: 'Connect an MCP client to this gateway: print its configuration, or write it',
    detail: 'Without a client: which there are, where each one\'s file is on this machine, and whether it is connected. --write shows what will change and asks, leaves other servers and comments as they are, and keeps a copy of the file beside it, '
      + 'with the time in its name. A file that can\'t be parsed is refused with its line, and nothing is written. '
      + `Clients: ${CLIENT_IDS.join(', ')}.`,
    arguments: [{ name: '[client]', about: 'the client; none = a table of all' }],
    options: [
      { flags: '--write', about: 'merge it into the client\'s file' },
      { flags: '--remove', about: 'take it out of the client\'s file again' },
      { flags: '--as <identity>', about: 'whose calls these are, in the dev profile: an agent\'s name (name or name/env), or its SPIFFE ID; the URL names it' },
      { flags: '--name <name>', about: 'what the client calls the gateway (default precinct)' },
      { flags: '--url <url>', about: 'the gateway\'s URL (default: where the running one listens, else what the config file says)' },
      { flags: '--scope <scope>', about: 'the user\'s file, or the project\'s in this folder', choices: ['user', 'project'] },
      { flags: '--file <path>', about: 'another file of the client\'s format' },
      { flags: '-y, --yes', about: 'write without asking' },
    ],
    examples: ['agw connect', 'agw connect cursor', 'agw connect cursor --write', 'agw connect vscode --as my-agent/dev --write --yes', 'agw connect claude-desktop --remove', 'agw connect langgraph'],
    negative: 'the answer was no, or there was nothing to remove',
    run: connect,
  },
];

async function connect(context: CommandContext): Promise<ExitCode> {
  const id = context.argument(0);
  if (id === undefined) {
    if (context.flag('write') || context.flag('remove')) throw new CliFailure('say which client.', { remedy: `One of: ${CLIENT_IDS.join(', ')}`, code: 'usage' });
    return (await import('../clients/overview.js')).showOverview(context);
  }
  const { connectClient, showSnippet } = await import('../clients/connect.js');
  const snippet = SNIPPETS.find((one) => one.id === id);
  if (snippet !== undefined) return showSnippet(context, snippet);
  const facts = CLIENTS.find((one) => one.id === id);
  if (facts !== undefined) return connectClient(context, facts);
  const { proposal } = await import('../../base/config/nearest.js');
  throw new CliFailure(`no client ${id} is known.`, { remedy: `${[proposal(id, CLIENT_IDS) ?? ''].filter((text) => text !== '').map((text) => `${text} `).join('')}Clients: ${CLIENT_IDS.join(', ')}. Any other: give it the URL, Streamable HTTP.`, code: 'usage' });
}
