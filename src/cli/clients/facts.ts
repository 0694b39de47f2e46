// What is known of each MCP client: where its configuration file is on each system, in which format, and what names a server of Streamable HTTP in it. The one place for such facts.
import { installed } from '../../base/installation.js';
import type { ServerName } from './types.js';

export type FileFormat = 'json' | 'jsonc' | 'toml' | 'yaml';
export type Scope = 'user' | 'project';
export type Platform = 'linux' | 'darwin' | 'win32';

export interface ClientPlace {
  readonly scope: Scope;
  /** `~/` the user's folder, `./` the folder the command runs in, `$NAME/` a variable with its usual value in places.ts. */
  readonly path: string | Readonly<Partial<Record<Platform, string>>>;
}

export interface ClientFacts {
  readonly id: string;
  readonly title: string;
  readonly format: FileFormat;
  /** The keys that lead to the servers. */
  readonly at: readonly string[];
  /** `named`: a list, each with its name. */
  readonly form: 'map' | 'named';
  /** The first that exists is taken, else the first. */
  readonly places: readonly ClientPlace[];
  /** The entry of one server; what else a person has added to it stays. */
  readonly entry: (server: ServerName) => Readonly<Record<string, unknown>>;
  /** The client's own command that does the same. */
  readonly command?: (server: ServerName, scope: Scope) => string;
  /** What makes it read the file again. */
  readonly then: string;
}

/** The version that docs/clients.md was tried with. */
export const MCP_REMOTE = 'mcp-remote@0.15.1';

/** mcp-remote takes plain HTTP for these hosts alone, unless it is told. */
export function remoteArgs(url: string): string[] {
  const { protocol, hostname } = new URL(url);
  return ['-y', MCP_REMOTE, url, ...(protocol === 'http:' && hostname !== 'localhost' && hostname !== '127.0.0.1' ? ['--allow-http'] : [])];
}

const AGW = installed('bin/agw');

/** agw bridge of this very program, by whole paths: what a desktop starts has not the shell's PATH. */
function ownBridge(url: string): Readonly<Record<string, unknown>> {
  const [, base = url, as] = /^(.+)\/as\/([^/]+\/[^/]+)$/.exec(url) ?? [];
  return { command: process.execPath, args: [AGW, 'bridge', '--gateway', base, ...(as === undefined ? [] : ['--as', as])] };
}

export const CLIENTS: readonly ClientFacts[] = [
  {
    // modelcontextprotocol.io/docs/develop/connect-local-servers (macOS, Windows; Linux builds use the XDG folder). The file knows commands alone.
    // Not mcp-remote: npx has to be in the desktop's PATH, and fetches a program before the first start. Where agw connect runs the bridge is there, in the gateway's version, and can prove who calls.
    id: 'claude-desktop', title: 'Claude Desktop', format: 'json', at: ['mcpServers'], form: 'map',
    places: [{ scope: 'user', path: { darwin: '~/Library/Application Support/Claude/claude_desktop_config.json', win32: '$APPDATA/Claude/claude_desktop_config.json', linux: '$XDG_CONFIG_HOME/Claude/claude_desktop_config.json' } }],
    entry: ({ url }) => ownBridge(url),
    then: 'Quit Claude Desktop and start it again.',
  },
  {
    // code.claude.com/docs/en/mcp: .mcp.json at the project's root (scope project), ~/.claude.json (scopes user and local); type http; claude mcp add --transport http NAME URL
    id: 'claude-code', title: 'Claude Code', format: 'json', at: ['mcpServers'], form: 'map',
    places: [{ scope: 'project', path: './.mcp.json' }, { scope: 'user', path: '~/.claude.json' }],
    entry: ({ url }) => ({ type: 'http', url }),
    command: ({ name, url }, scope) => `claude mcp add --transport http --scope ${scope} ${name} ${url}`,
    then: 'Start Claude Code again; /mcp shows the server.',
  },
  {
    // code.visualstudio.com/docs/copilot/reference/mcp-configuration: .vscode/mcp.json, or mcp.json of the user's profile; servers; type http. JSON with comments.
    id: 'vscode', title: 'VS Code', format: 'jsonc', at: ['servers'], form: 'map',
    places: [
      { scope: 'project', path: './.vscode/mcp.json' },
      { scope: 'user', path: { darwin: '~/Library/Application Support/Code/User/mcp.json', win32: '$APPDATA/Code/User/mcp.json', linux: '$XDG_CONFIG_HOME/Code/User/mcp.json' } },
    ],
    entry: ({ url }) => ({ type: 'http', url }),
    command: ({ name, url }) => `code --add-mcp '${JSON.stringify({ name, type: 'http', url })}'`,
    then: 'VS Code asks to start the server when the file is opened, or: MCP: List Servers.',
  },
  {
    // docs.cursor.com/context/model-context-protocol: ~/.cursor/mcp.json and .cursor/mcp.json; url alone is Streamable HTTP or SSE
    id: 'cursor', title: 'Cursor', format: 'jsonc', at: ['mcpServers'], form: 'map',
    places: [{ scope: 'user', path: '~/.cursor/mcp.json' }, { scope: 'project', path: './.cursor/mcp.json' }],
    entry: ({ url }) => ({ url }),
    then: 'Cursor takes the file up; Settings, MCP shows the server.',
  },
  {
    // docs.windsurf.com/windsurf/cascade/mcp: ~/.codeium/windsurf/mcp_config.json on every system; serverUrl
    id: 'windsurf', title: 'Windsurf', format: 'json', at: ['mcpServers'], form: 'map',
    places: [{ scope: 'user', path: '~/.codeium/windsurf/mcp_config.json' }],
    entry: ({ url }) => ({ serverUrl: url }),
    then: 'Press refresh in the MCP panel of Cascade.',
  },
  {
    // docs.cline.bot/mcp/configuring-mcp-servers: cline_mcp_settings.json, of the extension in VS Code's global storage, of the command line in ~/.cline/data/settings; type streamableHttp
    id: 'cline', title: 'Cline', format: 'json', at: ['mcpServers'], form: 'map',
    places: [
      { scope: 'user', path: { darwin: '~/Library/Application Support/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json', win32: '$APPDATA/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json', linux: '$XDG_CONFIG_HOME/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json' } },
      { scope: 'user', path: '~/.cline/data/settings/cline_mcp_settings.json' },
    ],
    entry: ({ url }) => ({ type: 'streamableHttp', url }),
    then: 'Cline takes the file up.',
  },
  {
    // docs.continue.dev/customize/deep-dives/mcp: ~/.continue/config.yaml; mcpServers is a list; type streamable-http
    id: 'continue', title: 'Continue', format: 'yaml', at: ['mcpServers'], form: 'named',
    places: [{ scope: 'user', path: '~/.continue/config.yaml' }],
    entry: ({ name, url }) => ({ name, type: 'streamable-http', url }),
    then: 'Continue takes the file up; MCP servers work in agent mode.',
  },
  {
    // zed.dev/docs/ai/mcp: context_servers of the settings file; url. zed.dev/docs/configuring-zed: ~/.config/zed/settings.json (macOS too), %APPDATA%\Zed\settings.json; JSON with comments
    id: 'zed', title: 'Zed', format: 'jsonc', at: ['context_servers'], form: 'map',
    places: [{ scope: 'user', path: { darwin: '~/.config/zed/settings.json', win32: '$APPDATA/Zed/settings.json', linux: '$XDG_CONFIG_HOME/zed/settings.json' } }, { scope: 'project', path: './.zed/settings.json' }],
    entry: ({ url }) => ({ url }),
    then: 'Zed takes the file up; the agent panel\'s settings show the server.',
  },
  {
    // github.com/google-gemini/gemini-cli/blob/main/docs/tools/mcp-server.md: ~/.gemini/settings.json, .gemini/settings.json; httpUrl (url is SSE); gemini mcp add
    id: 'gemini-cli', title: 'Gemini CLI', format: 'jsonc', at: ['mcpServers'], form: 'map',
    places: [{ scope: 'user', path: '~/.gemini/settings.json' }, { scope: 'project', path: './.gemini/settings.json' }],
    entry: ({ url }) => ({ httpUrl: url }),
    command: ({ name, url }, scope) => `gemini mcp add --scope ${scope} --transport http ${name} ${url}`,
    then: 'Start Gemini CLI again; /mcp shows the server.',
  },
  {
    // developers.openai.com/codex/mcp: ~/.codex/config.toml (CODEX_HOME), .codex/config.toml of a trusted project; [mcp_servers.NAME] with url; codex mcp add NAME --url URL
    id: 'codex', title: 'Codex', format: 'toml', at: ['mcp_servers'], form: 'map',
    places: [{ scope: 'user', path: '$CODEX_HOME/config.toml' }, { scope: 'project', path: './.codex/config.toml' }],
    entry: ({ url }) => ({ url }),
    command: ({ name, url }) => `codex mcp add ${name} --url ${url}`,
    then: 'Start Codex again; /mcp shows the server.',
  },
  {
    // goose-docs.ai, guides/config-files: ~/.config/goose/config.yaml, on Windows %APPDATA%\Block\goose\config\config.yaml; extensions; type streamable_http with uri; a timeout in seconds
    id: 'goose', title: 'goose', format: 'yaml', at: ['extensions'], form: 'map',
    places: [{ scope: 'user', path: { darwin: '~/.config/goose/config.yaml', win32: '$APPDATA/Block/goose/config/config.yaml', linux: '$XDG_CONFIG_HOME/goose/config.yaml' } }],
    entry: ({ name, url }) => ({ enabled: true, type: 'streamable_http', name, description: 'Tools through PRECINCT', uri: url, timeout: 300 }),
    then: 'Start goose again.',
  },
];

/** Clients that are code, or a command: what to write. */
export interface Snippet {
  readonly id: string;
  readonly title: string;
  readonly language: 'python' | 'sh';
  readonly text: (server: ServerName) => string;
}

export const SNIPPETS: readonly Snippet[] = [
  {
    // github.com/langchain-ai/langchain-mcp-adapters: MultiServerMCPClient, transport streamable_http
    id: 'langgraph', title: 'LangGraph (langchain-mcp-adapters)', language: 'python',
    text: ({ name, url }) => `from langchain_mcp_adapters.client import MultiServerMCPClient\n\nclient = MultiServerMCPClient({${JSON.stringify(name)}: {"transport": "streamable_http", "url": ${JSON.stringify(url)}}})\ntools = await client.get_tools()`,
  },
  {
    // openai.github.io/openai-agents-python/mcp: MCPServerStreamableHttp
    id: 'openai-agents', title: 'OpenAI Agents SDK', language: 'python',
    text: ({ name, url }) => `from agents import Agent\nfrom agents.mcp import MCPServerStreamableHttp\n\nasync with MCPServerStreamableHttp(name=${JSON.stringify(name)}, params={"url": ${JSON.stringify(url)}}) as server:\n    agent = Agent(name="assistant", mcp_servers=[server])`,
  },
  {
    // ai.pydantic.dev/mcp/client: MCPToolset as a toolset
    id: 'pydantic-ai', title: 'Pydantic AI', language: 'python',
    text: ({ url }) => `from pydantic_ai import Agent\nfrom pydantic_ai.mcp import MCPToolset\n\nagent = Agent(model, toolsets=[MCPToolset(${JSON.stringify(url)})])`,
  },
  {
    // gofastmcp.com/clients/client: Client with a URL
    id: 'fastmcp', title: 'FastMCP client', language: 'python',
    text: ({ url }) => `from fastmcp import Client\n\nasync with Client(${JSON.stringify(url)}) as client:\n    tools = await client.list_tools()`,
  },
  { id: 'mcp-remote', title: 'mcp-remote, for clients that know commands alone', language: 'sh', text: ({ url }) => `npx ${remoteArgs(url).join(' ')}` }, // npmjs.com/package/mcp-remote
  { id: 'inspector', title: 'MCP Inspector', language: 'sh', text: ({ url }) => `npx -y @modelcontextprotocol/inspector --cli ${url} --transport http --method tools/list` }, // github.com/modelcontextprotocol/inspector
];

export const CLIENT_IDS: readonly string[] = [...CLIENTS, ...SNIPPETS].map(({ id }) => id);
