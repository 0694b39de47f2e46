// What one caller sees of all tools: tools/list through the gateway, as an agent asks for it.
import { createIds } from '../base/ids/ids.js';
import { eraOf, timeoutOf } from './asking.js';
import { OUTCOME_EXITS, outcomeNote, outcomeOf } from './call-outcome.js';
import type { CommandContext } from './command.js';
import { findDataPlane } from './data-plane.js';
import { CliFailure, type ExitCode } from './failure.js';
import { withInterrupt } from './interrupt.js';
import { createCaller, type McpCaller } from './mcp-caller.js';
import { printAnswer, printJson } from './printing.js';
import { listOf, member, numberOf, textOf, type JsonRecord } from './reading.js';
import { renderTable } from './table.js';

const PAGES_MAX = 200; // a list that never ends must end somewhere

export async function listAsCaller(context: CommandContext): Promise<ExitCode> {
  if (context.option('from') !== undefined) throw new CliFailure('--from asks a tool server, --as asks the gateway: give one of them.', { code: 'usage' });
  const timeoutMs = timeoutOf(context);
  const plane = await findDataPlane(context);
  return withInterrupt(async (signal) => {
    const caller = createCaller(eraOf(context, 'legacy'), { plane, timeoutMs, ids: createIds(), signal, onMessage: () => undefined });
    try {
      return await listPages(context, caller);
    } finally {
      await caller.close();
    }
  });
}

async function listPages(context: CommandContext, caller: McpCaller): Promise<ExitCode> {
  const tools: unknown[] = [];
  let cursor = '';
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answered = await caller.ask({ method: 'tools/list', name: '', headers: {}, members: cursor === '' ? '' : `"cursor":${JSON.stringify(cursor)}` });
    const outcome = outcomeOf(answered);
    if (outcome.kind !== 'result') {
      if (context.json) printJson(context, { outcome: outcome.kind, ...('refusal' in outcome ? { refusal: outcome.refusal } : {}), ...('error' in outcome ? { error: outcome.error } : {}) });
      else context.terminal.warn(outcomeNote(outcome, answered.traceId, context.terminal.colors) ?? '');
      return OUTCOME_EXITS[outcome.kind];
    }
    tools.push(...listOf(outcome.result, 'tools'));
    cursor = textOf(outcome.result, 'nextCursor');
    if (cursor === '') return show(context, tools, outcome.result);
  }
  throw new CliFailure(`the list has more than ${PAGES_MAX} pages.`);
}

function show(context: CommandContext, tools: readonly unknown[], result: JsonRecord): ExitCode {
  const meta = member(result, '_meta');
  const hidden = member(meta, 'precinct/hiddenTools');
  const down = numberOf(meta, 'precinct/upstreamsDown') ?? 0;
  printAnswer(context, { tools, ...(hidden === undefined ? {} : { hidden }), ...(down === 0 ? {} : { upstreams_down: down }) }, () => {
    const { terminal } = context;
    const rows = tools.map((tool) => [textOf(tool, 'name'), textOf(tool, 'description')]);
    terminal.print(tools.length === 0 ? 'this caller sees no tools' : renderTable([{ title: 'NAME' }, { title: 'DESCRIPTION', shrinks: true }], rows, terminal));
    const words = [['forbidden', 'by policy'], ['changed', 'changed since registration'], ['unregistered', 'not registered']] as const;
    const left = words.flatMap(([key, why]) => ((numberOf(hidden, key) ?? 0) > 0 ? [`${textOf(hidden, key)} ${why}`] : []));
    if (left.length > 0) terminal.print(terminal.colors.dim(`\nleft out: ${left.join(', ')}`));
    if (down > 0) terminal.print(terminal.colors.yellow(`\n${down} tool ${down === 1 ? 'server is' : 'servers are'} down, and nothing of ${down === 1 ? 'it' : 'them'} is listed → agw inspect upstreams`));
  });
  return 0;
}
