// agw inspect: what the running gateway knows of tools, of its layers, of one identity, of sessions.
import { given, type CommandContext, type CommandSpec } from '../command.js';
import { CliFailure, type ExitCode } from '../failure.js';
import { printAnswer, shortHash } from '../printing.js';
import { listOf, member, numberOf, recordOf, textOf, textsOf, truthOf } from '../reading.js';
import { renderFields, renderTable, type Column } from '../table.js';
import { printable, type Colors } from '../terminal.js';
import { mismatchText } from '../tool-diff-view.js';
import { sessionInspection } from './sessions.js';
import { refusedLines } from './status.js';

export const inspectCommands: readonly CommandSpec[] = [
  {
    path: 'inspect tools',
    summary: 'Registered tools with hash, risk level and whether their server still serves that hash; registered prompts and resources',
    options: [{ flags: '--wide', about: 'whole hashes, and what else is known' }],
    examples: ['agw inspect tools', 'agw inspect tools --wide', 'agw inspect tools --json | jq \'.tools[] | select(.state != "verified")\''],
    run: inspectTools,
  },
  {
    path: 'inspect layers',
    summary: 'The 13 layers in order, why each sits there, and what each has decided so far',
    options: [{ flags: '--wide', about: 'with the reasons' }],
    examples: ['agw inspect layers', 'agw inspect layers --wide'],
    run: inspectLayers,
  },
  {
    path: 'inspect identity',
    summary: 'What the gateway knows of one caller: registration, principal, risk, remaining calls',
    arguments: [{ name: '<spiffe-id>', about: 'the caller' }],
    examples: ['agw inspect identity spiffe://poc.local/agents/mcp-client/my-agent/dev'],
    negative: 'the identity is not registered, or of another trust domain',
    run: inspectIdentity,
  },
  sessionInspection,
];

async function inspectTools(context: CommandContext): Promise<ExitCode> {
  const answer = await context.control().get('/v1/tools');
  printAnswer(context, answer, () => {
    const wide = context.flag('wide');
    const tools = listOf(answer, 'tools');
    const { terminal } = context;
    terminal.print(tools.length === 0 ? 'no tools are registered: agw tools add --from URL' : toolTable(tools, wide, context));
    const mismatch = mismatchText(tools, terminal.colors);
    if (mismatch !== '') terminal.print(`\n${mismatch}`);
    for (const section of ['prompts', 'resources']) {
      const others = listOf(answer, section);
      if (others.length > 0) terminal.print(`\n${otherTable(section, others, context)}`);
    }
    const strangers = listOf(answer, 'unregistered');
    if (strangers.length > 0) terminal.print(`\nserved, but not registered: ${strangers.map((tool) => printable(`${textOf(tool, 'name')} (${textOf(tool, 'upstream')})`)).join(', ')}`);
    const refused = refusedLines(answer, terminal.colors);
    if (refused.length > 0) terminal.print(`\n${refused.join('\n')}`);
  });
  return 0;
}

function toolTable(tools: readonly unknown[], wide: boolean, { terminal }: CommandContext): string {
  const rows = tools.map((tool) => {
    const hash = textOf(tool, 'hash');
    const row = [textOf(tool, 'name'), wide ? hash : shortHash(hash), textOf(tool, 'risk_level'), stateOf(tool), textOf(tool, 'upstream')];
    return wide ? [...row, textOf(tool, 'hash_alg'), textOf(tool, 'classification'), truthOf(tool, 'requires_step_up') ? 'yes' : 'no'] : row;
  });
  const columns = [{ title: 'NAME' }, { title: 'HASH' }, { title: 'RISK', paint: paintRisk }, { title: 'STATE', paint: paintState }, { title: 'UPSTREAM', shrinks: true }];
  const more = [{ title: 'BY' }, { title: 'CLASSIFICATION' }, { title: 'STEP-UP' }];
  return renderTable(wide ? [...columns, ...more] : columns, rows, wide ? { ...terminal, width: Infinity } : terminal);
}

function otherTable(section: string, others: readonly unknown[], { terminal }: CommandContext): string {
  const rows = others.map((one) => [textOf(one, 'name'), textOf(one, 'risk_level'), textOf(one, 'classification'), textOf(one, 'upstream')]);
  return renderTable([{ title: section.toUpperCase() }, { title: 'RISK', paint: paintRisk }, { title: 'CLASSIFICATION' }, { title: 'UPSTREAM', shrinks: true }], rows, terminal);
}

function stateOf(tool: unknown): string {
  const changed = textsOf(tool, 'changed_members');
  return textOf(tool, 'state') + (changed.length > 0 ? ` (changed: ${changed.join(', ')})` : '');
}

export function paintRisk(text: string, colors: Colors): string {
  if (text === 'critical') return colors.red(text);
  return text === 'high' ? colors.yellow(text) : text;
}

function paintState(text: string, colors: Colors): string {
  if (text.startsWith('verified')) return text === 'verified' ? colors.green(text) : colors.yellow(text);
  return text.startsWith('mismatch') ? colors.red(text) : colors.yellow(text);
}

/** Whether a layer passes or denies is what is asked most. Who wants it wide wants all of them. */
const SPARE = { flag: 4, fault: 1, skipped: 5, mean_us: 2, max_us: 3 } as const;

async function inspectLayers(context: CommandContext): Promise<ExitCode> {
  const answer = await context.control().get('/v1/layers');
  printAnswer(context, answer, () => context.terminal.print(layersTable(answer, context.flag('wide'), context.terminal)));
  return 0;
}

export function layersTable(answer: unknown, wide: boolean, terminal: Pick<CommandContext['terminal'], 'width' | 'colors'>): string {
  const counts = ['pass', 'flag', 'deny', 'fault', 'skipped'] as const;
  const rows = listOf(answer, 'layers').map((layer) => [
    textOf(layer, 'step'),
    textOf(layer, 'name'),
    ...counts.map((key) => textOf(layer, key)),
    micros(layer, 'mean_us'),
    micros(layer, 'max_us'),
    ...(wide ? [textOf(layer, 'why')] : []),
  ]);
  const figure = (title: string, key: keyof typeof SPARE | 'pass' | 'deny'): Column => ({ title, right: true, ...(wide || key === 'pass' || key === 'deny' ? {} : { spare: SPARE[key] }) });
  const columns: readonly Column[] = [{ title: '#', right: true }, { title: 'LAYER' }, ...counts.map((key) => figure(key.toUpperCase(), key)), figure('MEAN µs', 'mean_us'), figure('MAX µs', 'max_us')];
  return renderTable(wide ? [...columns, { title: 'WHY HERE', shrinks: true }] : columns, rows, terminal);
}

function micros(layer: unknown, key: string): string {
  const value = numberOf(layer, key);
  return value === undefined ? '' : value.toFixed(1);
}

const RISK_DECIMALS = 3;

/** A decaying sum has as many digits as a double holds. */
function rounded(value: unknown, key: string): string {
  const number = numberOf(value, key);
  return number === undefined ? textOf(value, key) : String(Number(number.toFixed(RISK_DECIMALS)));
}

async function inspectIdentity(context: CommandContext): Promise<ExitCode> {
  const id = given(context.argument(0));
  if (!id.startsWith('spiffe://')) throw new CliFailure(`${id} is not a SPIFFE ID.`, { remedy: 'Write spiffe://<trust-domain>/agents/mcp-client/<agent>/<env>' });
  const answer = recordOf(await context.control().get(`/v1/identity?id=${encodeURIComponent(id)}`));
  const registered = truthOf(answer, 'registered') && member(answer, 'trust_domain_ok') !== false;
  printAnswer(context, answer, () => {
    const { principal, session, rate } = answer;
    const fields: [string, string][] = [
      ['identity', textOf(answer, 'spiffe_id')],
      ['registered', truthOf(answer, 'registered') ? 'yes' : 'no: agw identity add ID'],
      ['trust domain', member(answer, 'trust_domain_ok') === false ? 'another one: refused' : 'this gateway\'s'],
      ['principal', `level ${textOf(principal, 'level')}, ${textOf(principal, 'role')}, may ${textsOf(principal, 'capabilities').join(', ') || 'nothing beyond policy'}`],
      ['session risk', `${rounded(session, 'risk_score')} of 1 ${textsOf(session, 'flags').join(', ')}`.trim()],
      ['rate limit', `${textOf(rate, 'remaining')} of ${textOf(rate, 'limit')} calls left`],
    ];
    context.terminal.print(renderFields(fields.map(([key, value]) => [key, printable(value)] as const), context.terminal.colors));
  });
  return registered ? 0 : 1;
}
