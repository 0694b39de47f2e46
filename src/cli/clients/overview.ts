// Which clients there are, where each one's file is on this machine, and whether it leads to this gateway.
import type { CommandContext } from '../command.js';
import type { ExitCode } from '../failure.js';
import { printAnswer } from '../printing.js';
import { renderTable } from '../table.js';
import { ConfigFault, placeText } from '../../base/config/fault.js';
import { openClientFile } from './client-file.js';
import { leadingTo } from './connected.js';
import { CLIENTS, SNIPPETS, type ClientFacts, type Scope } from './facts.js';
import { gatewayUrl } from './gateway-url.js';
import { machineOf, placesOf } from './places.js';

interface Row {
  readonly client: string;
  readonly title: string;
  readonly state: 'connected' | 'not connected' | 'no file' | 'cannot be read';
  readonly scope?: Scope;
  readonly file?: string;
  readonly name?: string;
  readonly servers?: number;
  readonly fault?: string;
}

export async function showOverview(context: CommandContext): Promise<ExitCode> {
  const { url, notes } = await gatewayUrl(context);
  const machine = machineOf(context);
  const rows = CLIENTS.flatMap((facts) => {
    const places = placesOf(facts, machine);
    const there = places.filter(({ exists }) => exists);
    return (there.length > 0 ? there : places.slice(0, 1)).map(({ file, scope, exists }): Row => ({ client: facts.id, title: facts.title, scope, file, ...(exists ? stateOf(facts, file, url) : { state: 'no file' as const }) }));
  });
  const code = SNIPPETS.map(({ id, title }) => ({ client: id, title, state: 'printed alone' }));
  for (const note of notes) context.terminal.warn(`note: ${note}`);
  printAnswer(context, { url, clients: [...rows, ...code] }, () => {
    const shown = rows.map(({ client, state, name, file = '', fault }) => [client, state === 'connected' ? `connected as ${name ?? ''}` : state, fault ?? file]);
    context.terminal.print(renderTable([{ title: 'CLIENT' }, { title: 'STATE' }, { title: 'FILE', shrinks: true }], [...shown, ...code.map(({ client, title }) => [client, 'prints code or a command', title])], context.terminal));
    context.terminal.print(`\ngateway: ${url}. agw connect CLIENT prints what goes into its file, --write merges it.`);
  });
  return 0;
}

function stateOf(facts: ClientFacts, file: string, url: string): Pick<Row, 'state' | 'name' | 'servers' | 'fault'> {
  try {
    const { servers } = openClientFile(file, facts).servers;
    const [mine] = leadingTo(servers, url);
    return mine === undefined ? { state: 'not connected', servers: servers.length } : { state: 'connected', name: mine.name, servers: servers.length };
  } catch (error) {
    const fault = error instanceof ConfigFault ? `${placeText(error)}: ${error.message}` : error instanceof Error ? error.message : String(error);
    return { state: 'cannot be read', fault };
  }
}
