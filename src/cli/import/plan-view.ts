// An import plan for people and for machines: everything that will be written, and nothing that is secret.
import { parseJson } from '../../base/json/parse-json.js';
import type { ServerEntry } from '../../engines/registry/server-entry.js';
import { plural, shortHash } from '../printing.js';
import { recordOf, textOf } from '../reading.js';
import { renderTable } from '../table.js';
import { printable, type Terminal } from '../terminal.js';
import { isImported, isRegisteredNow, type ImportPlan, type PlannedServer, type PlannedTool } from './import-plan.js';
import type { LeftOut } from './found-server.js';
import type { NeededVariable } from './upstream-plan.js';

export function planText(plan: ImportPlan, terminal: Terminal): string {
  const parts = plan.servers.map((server) => serverText(server, plan, terminal));
  const out = plan.leftOut.map((one) => leftOutText(one, terminal));
  const variables = neededVariables(plan);
  return [
    ...parts,
    ...(out.length === 0 ? [] : [out.join('\n')]),
    ...(variables.length === 0 ? [] : [`The gateway needs these in its environment, before it can start or ask the servers (their values stay out of its files):\n${variables.map((line) => `  ${line}`).join('\n')}`]),
    writesText(plan),
  ].join('\n\n');
}

function serverText({ plan, tools, beside, reason, prefix, isPrefixNew, named }: PlannedServer, { riskLevel }: ImportPlan, terminal: Terminal): string {
  const { colors } = terminal;
  const title = `${colors.bold(printable(plan.name))}  ${printable(plan.upstream)}`;
  const command = [
    ...(plan.entry?.command === undefined ? [] : [`  runs ${programText(plan.entry)}`]),
    ...(plan.entry?.headers === undefined ? [] : [`  gets the headers ${Object.keys(plan.entry.headers).map(printable).join(', ')}`]),
  ];
  const notes = [...plan.notes, ...(isPrefixNew ? [`agents know its tools by names that begin with ${prefix}, because another server has one of them`] : []), ...(beside.length === 0 ? [] : [`it also has ${beside.join(' and ')}: the policy of this import allows none of them`])].map((note) => `  ${note}`);
  if (tools === undefined) return [title, ...command, colors.red(`  did not answer: ${printable(reason)}`)].join('\n');
  const rows = named.map((one) => [one.name, stateText(one), isRegisteredNow(one) ? riskLevel : '', shortHash(one.tool.hashes.jcs), textOf(recordOf(parseJson(one.tool.text)), 'description')]);
  const table = renderTable([{ title: 'TOOL' }, { title: 'STATE' }, { title: 'RISK' }, { title: 'HASH (JCS)' }, { title: 'DESCRIPTION', shrinks: true }], rows, terminal);
  const signs = named.flatMap(({ name, poison }) => poison.map((one) => colors.red(`  ! ${printable(name)}: ${one.kind} at ${printable(one.path)}: this text speaks to the model, and is left to you: agw tools add --from ${printable(plan.upstream)} ${printable(name)}`)));
  return [title, ...command, ...notes, ...(named.length === 0 ? ['  it serves no tools'] : [table]), ...signs].join('\n');
}

/** All that decides what runs: a variable such as NODE_OPTIONS does as much as the words. Values may be secrets. */
export function programText({ command = '', args = [], cwd, env = {} }: ServerEntry): string {
  const variables = Object.keys(env).map(printable).join(', ');
  return `${[command, ...args].map((word) => printable(word)).join(' ')}${cwd === undefined ? '' : ` in ${printable(cwd)}`}${variables === '' ? '' : ` with ${variables}`}`;
}

function stateText({ state, poison }: PlannedTool): string {
  if (state === 'new') return poison.length === 0 ? 'new' : 'left to you';
  return state === 'registered' ? 'registered' : 'differs from its registration';
}

export function leftOutText({ name, reason, remedy }: LeftOut, { colors }: Pick<Terminal, 'colors'>): string {
  return `${colors.yellow('left out')} ${printable(name)}: ${printable(reason)}${remedy === undefined ? '' : `. ${printable(remedy)}`}`;
}

function writesText({ registry, policy, caller, servers }: ImportPlan): string {
  const tools = servers.flatMap(({ named }) => named.filter(isRegisteredNow));
  const lines = [
    ...(registry.text === registry.before ? [] : [`${registry.file}: ${plural(tools.length, 'tool')}, and what starts or reaches their servers`]),
    ...(policy === undefined ? [] : [`${policy.file}: ${caller.id} may call exactly ${policy.tools.map(printable).join(', ')}, and list them`]),
  ];
  return lines.length === 0 ? 'Nothing is to be written: all of it is there.' : `To be written:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

/** One line each: the variable, of which server, and where its value stands now. */
function neededVariables({ servers }: ImportPlan): string[] {
  const byName = new Map<string, string[]>();
  for (const { plan } of servers.filter(isImported)) for (const { variable, from } of plan.needed) byName.set(variable, [...(byName.get(variable) ?? []), `${printable(plan.name)}, ${from}`]);
  return [...byName].map(([variable, places]) => `${variable}  (now: ${places.join('; ')})`);
}

export function planJson(plan: ImportPlan): Record<string, unknown> {
  return {
    caller: plan.caller.id,
    servers: plan.servers.map(({ plan: upstream, tools, beside, reason, prefix, named }) => ({
      name: upstream.name, upstream: upstream.upstream, ...(upstream.entry === undefined ? {} : { entry: upstream.entry }), prefix, answered: tools !== undefined, ...(tools === undefined ? { reason } : {}), notes: upstream.notes, beside_tools: beside,
      tools: named.map((one) => ({ name: one.name, served_as: one.tool.name, state: one.state, hash: one.tool.hashes.jcs, hash_alg: 'jcs', registered_now: isRegisteredNow(one), ...(isRegisteredNow(one) ? { risk_level: plan.riskLevel } : {}), signs: one.poison })),
      environment: upstream.needed.map(({ variable, name, from }: NeededVariable) => ({ variable, as: name, from })),
    })),
    left_out: plan.leftOut.map(({ name, reason, remedy }) => ({ name, reason, ...(remedy === undefined ? {} : { remediation: remedy }) })),
    registry_file: plan.registry.file, policy_file: plan.policy?.file ?? null, allowed: plan.policy?.tools ?? [],
  };
}
