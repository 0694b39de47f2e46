// agw import: the MCP servers that a client's file names, put behind this gateway.
import { CLIENTS } from '../clients/facts.js';
import { given, type CommandContext, type CommandSpec } from '../command.js';
import type { ExitCode } from '../failure.js';

export const importCommands: readonly CommandSpec[] = [
  {
    path: 'import',
    summary: 'Put the servers that an MCP client\'s file names behind this gateway',
    detail: 'Asks each server for its tools, shows them with what will be written, and after a yes writes the registry (servers, tools, hashes, a risk level) and a first policy: the caller may call exactly these tools, and list them. Then it reloads, and checks what is decided. '
      + 'Programs of the file are started only after a yes. Values of env: and headers are neither shown nor copied: the registry names variables of the gateway\'s own environment, and the import says which. Tools whose definition speaks to the model are left to you, and so is what the file says of this gateway.',
    arguments: [{ name: '<source>', about: `a file (mcp.json and its like, config.toml, config.yaml), or a client: claude, ${CLIENTS.map(({ id }) => id).join(', ')}` }],
    options: [
      { flags: '--as <identity>', about: 'for whom: an agent\'s name (name or name/env), or a SPIFFE ID (default: the default identity)' },
      { flags: '--server <names>', about: 'only these, with commas between' },
      { flags: '--tools <names>', about: 'only these tools, as their servers name them; with commas between' },
      { flags: '--risk-level <level>', about: 'low, medium, high or critical, of all tools that are registered (default high, until a person has judged them)', choices: ['low', 'medium', 'high', 'critical'] },
      { flags: '--skip-unreachable', about: 'go on without servers that do not answer' },
      { flags: '--write-client', about: 'also give the client the gateway instead of these servers; a copy of its file stays' },
      { flags: '--dry-run', about: 'ask the servers, show everything, write nothing' },
      { flags: '--scope <scope>', about: 'the client\'s file of the user alone, or of the project in this folder', choices: ['user', 'project'] },
      { flags: '--url <url>', about: 'the gateway\'s URL, as agw connect takes it' },
      { flags: '--timeout <seconds>', about: 'for one listing (default 15, of a process 120)' },
      { flags: '-y, --yes', about: 'without asking' },
    ],
    examples: ['agw import ./mcp.json --dry-run', 'agw import claude', 'agw import cursor --as my-agent/dev --write-client', 'agw import vscode --server github,files --risk-level medium --yes'],
    negative: 'a server did not answer, there was none to import, the answer was no, or a check did not come out as planned',
    run: async (context: CommandContext): Promise<ExitCode> => (await import('../import/import.js')).importServers(context, given(context.argument(0))),
  },
];
