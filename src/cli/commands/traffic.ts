// agw inspect traffic: a short line per request, those before and, with --follow, each as it is decided. Reads the audit log: what is not recorded did not happen.
import { systemClock } from '../../base/clock/clock.js';
import type { AuditRecord } from '../../audit/types.js';
import { followAudit } from '../audit-follow.js';
import { withAuditDir } from '../audit-log.js';
import { filterOf, FILTER_OPTIONS, parseCount } from '../audit-query.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { CliFailure, type ExitCode } from '../failure.js';
import { printJsonText } from '../printing.js';
import { TrafficSum, trafficCells, trafficFacts, trafficTable } from '../traffic-view.js';

const LAST_DEFAULT = '20';
const MS_PER_SECOND = 1000;
const FILTERS = ['--caller', '--tool', '--method', '--code'];

export const trafficCommands: readonly CommandSpec[] = [
  {
    path: 'inspect traffic',
    summary: 'One short line per request: time, caller, tool, decision, code and its step, status, latency',
    detail: 'The last requests; with --follow also each new one as it is decided, until Ctrl-C, and then their sum. The same log as agw audit tail, which shows whole records with all 13 layers and can ask for a session, a trace or other lines than requests.',
    options: [
      { flags: '--follow', about: 'go on with each new request' },
      { flags: '--last <count>', about: `how many older ones first (default ${LAST_DEFAULT})` },
      ...FILTER_OPTIONS.filter(({ flags }) => FILTERS.some((flag) => flags.startsWith(`${flag} `))),
      { flags: '--denied', about: 'refused ones alone' },
    ],
    examples: ['agw inspect traffic', 'agw inspect traffic --follow --denied', 'agw inspect traffic --follow --json --tool my_tool'],
    negative: 'nothing was found (without --follow)',
    run: traffic,
  },
];

async function traffic(context: CommandContext): Promise<ExitCode> {
  const count = parseCount(context.option('last') ?? LAST_DEFAULT);
  const filter = { ...filterOf(context), ...(context.flag('denied') ? { decision: 'DENY' } : {}) };
  const sum = new TrafficSum();
  const follows = context.flag('follow');
  const startedMs = systemClock.monotonicMs();
  if (follows) await followAudit(context.project, filter, count, shower(context, sum));
  else {
    const { searchAudit } = await import('../../audit/reader/search.js');
    const found = await withAuditDir(context.project, (dir) => searchAudit(dir, filter, { kind: 'count', count }));
    if (found.length === 0) throw new CliFailure('nothing was found.', { exitCode: 1, code: 'not_found' });
    found.forEach(shower(context, sum, found.map(({ line }) => trafficCells(line))));
  }
  const { terminal } = context;
  if (!context.json) terminal.warn(terminal.colors.dim(sum.text(follows ? (systemClock.monotonicMs() - startedMs) / MS_PER_SECOND : undefined)));
  return 0;
}

/** Who follows sees the head at once; a search that finds nothing has none. */
function shower({ json, terminal, flag }: CommandContext, sum: TrafficSum, known: readonly (readonly string[])[] = []): (record: AuditRecord) => void {
  const table = json ? undefined : trafficTable(terminal, known);
  let begun = flag('follow');
  if (table !== undefined && begun) terminal.print(table.head);
  return ({ line }) => {
    sum.add(line);
    if (table !== undefined && !begun) terminal.print(table.head);
    begun = true;
    if (table === undefined) printJsonText({ terminal }, JSON.stringify(trafficFacts(line)));
    else terminal.print(table.row(trafficCells(line)));
  };
}
