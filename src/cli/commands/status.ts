// agw status, reload, version: the running gateway at a glance.
import { packageVersion } from '../../base/config/package-version.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { placedMessage } from '../control-client.js';
import { CliFailure, type ExitCode } from '../failure.js';
import { duration, plural, printAnswer, shortHash } from '../printing.js';
import { listOf, member, numberOf, recordOf, textOf, textsOf, truthOf, type JsonRecord } from '../reading.js';
import { renderFields, renderTable } from '../table.js';
import { printable, type Colors } from '../terminal.js';
import { paintUpstreamState, pausedText, processText } from '../upstreams-view.js';

export const statusCommands: readonly CommandSpec[] = [
  {
    path: 'status',
    summary: 'Whether the gateway runs, and how it is',
    detail: 'With --gateway http://host:port it asks /health and /ready of the data plane alone.',
    examples: ['agw status', 'agw status --json | jq .digests', 'agw status --gateway http://127.0.0.1:9090'],
    negative: 'it runs, but something needs a person: the audit log is unhealthy, a changed file was refused, or a gateway thread is missing or stands still',
    run: status,
  },
  {
    path: 'reload',
    summary: 'Swap registry, policies, rules, identities and thresholds together, whole or not at all',
    detail: 'Answers after every thread has swapped. What is wrong is named with its line, all of it at once, and the old state stays.',
    examples: ['agw reload'],
    run: reload,
  },
  { path: 'version', summary: 'Versions of the CLI, of Node, and of the running gateway', examples: ['agw version', 'agw version --json'], run: version },
];

async function status(context: CommandContext): Promise<ExitCode> {
  const control = context.control();
  if (control.dataPlaneOnly) return dataPlaneStatus(context);
  const answer = recordOf(await control.get('/v1/status'));
  printAnswer(context, answer, () => printStatus(context, answer));
  return truthOf(answer['audit'], 'healthy') && listOf(answer, 'refused').length === 0 && threadsAreWell(answer['threads']) ? 0 : 1;
}

function threadsAreWell(threads: unknown): boolean {
  return listOf(threads, 'stalled').length === 0 && (numberOf(threads, 'running') ?? 0) >= (numberOf(threads, 'gateway') ?? 0);
}

async function dataPlaneStatus(context: CommandContext): Promise<ExitCode> {
  const control = context.control();
  const health = recordOf(await control.get('/health'));
  const ready = await control.get('/ready').then(() => true, () => false);
  printAnswer(context, { health, ready }, () => {
    context.terminal.print(`${control.address}: ${textOf(health, 'status') || 'unknown'}, ${ready ? 'ready' : 'not ready'}`);
  });
  return textOf(health, 'status') === 'ok' && ready ? 0 : 1;
}

function printStatus({ terminal }: CommandContext, answer: JsonRecord): void {
  const { colors } = terminal;
  const audit = answer['audit'];
  const healthy = truthOf(audit, 'healthy');
  const state = healthy ? colors.green('running') : colors.red('running, but audit is unhealthy: every call is refused');
  terminal.print(`PRECINCT ${printable(textOf(answer, 'version'))}: ${state}\n`);
  terminal.print(renderFields(statusFields(answer), colors));
  if (!healthy) terminal.print(`\n${colors.red('✗')} audit log: ${printable(textOf(audit, 'because'))}`);
  const refused = refusedLines(answer, colors);
  if (refused.length > 0) terminal.print(`\n${refused.join('\n')}`);
  const notLoaded = textsOf(answer, 'not_loaded').map((text) => `${colors.yellow('!')} ${printable(text)}`);
  if (notLoaded.length > 0) terminal.print(`\n${notLoaded.join('\n')}`);
  const warnings = textsOf(answer, 'warnings').map((warning) => `${colors.yellow('!')} ${printable(warning)}`);
  if (warnings.length > 0) terminal.print(`\n${warnings.join('\n')}`);
  const upstreams = listOf(answer, 'upstreams');
  if (upstreams.length > 0) terminal.print(`\n${upstreamTable(upstreams, terminal)}`);
}

/** Files whose present content is not what is in force. */
export function refusedLines(answer: unknown, colors: Colors): string[] {
  return listOf(answer, 'refused').flatMap((fault) => [`${colors.red('✗')} refused, the old state stays: ${printable(placedMessage(fault))}`, ...(textOf(fault, 'remediation') === '' ? [] : [colors.dim(`  → ${printable(textOf(fault, 'remediation'))}`)])]);
}

function tracesField(traces: unknown): string {
  const collector = textOf(traces, 'collector');
  if (collector === '') return 'off';
  const taken = numberOf(member(traces, 'spans'), 'exported') ?? 0;
  if (textOf(traces, 'state') !== 'on') return `not taken by ${printable(collector)}`;
  return `to ${printable(collector)}, ${taken === 0 ? 'none taken yet' : `${taken} spans`}`;
}

function listenerField(listener: unknown): string {
  const ends = textOf(listener, 'certificate_expires_at');
  return `${textOf(listener, 'address')} (${textOf(listener, 'kind')}${ends === '' ? '' : `, certificate until ${ends}`})`;
}

function statusFields(answer: JsonRecord): [string, string][] {
  const { audit, engines, requests, identities } = answer;
  const engine = (key: string): string => printable(textOf(member(engines, key), 'engine') || textOf(engines, key));
  const fields: [string, string][] = [
    ['profile', textOf(answer, 'profile')],
    ['listens on', listOf(answer, 'listeners').map(listenerField).join(', ')],
    ['up for', `${duration(numberOf(answer, 'uptime_s') ?? 0)}, pid ${textOf(answer, 'pid')}, Node ${textOf(answer, 'node')}`],
    ['threads', threadsField(answer['threads'])],
    ['requests', `${textOf(requests, 'allowed')} allowed, ${textOf(requests, 'denied')} denied`],
    ['identities', `${textOf(identities, 'count')} registered${textOf(identities, 'default') === '' ? '' : `, default ${textOf(identities, 'default')}`}`],
    ['engines', ['front', 'matcher', 'json', 'policy'].map((key) => `${key} ${engine(key)}`).join(', ')],
    ['digests', Object.entries(recordOf(answer['digests'])).map(([key, digest]) => `${key} ${shortHash(String(digest))}`).join(', ')],
    ['audit', `line ${textOf(audit, 'seq')}, last hash ${shortHash(textOf(audit, 'last_hash'))}${unresolvedNote(numberOf(audit, 'unresolved') ?? 0)}`],
    ['traces', tracesField(answer['traces'])],
    ['config', textOf(answer, 'config_file')],
    ['state', textOf(answer, 'state_dir')],
  ];
  return fields.map(([key, value]) => [key, printable(value)]);
}

function threadsField(threads: unknown): string {
  const count = numberOf(threads, 'gateway') ?? 0;
  const running = numberOf(threads, 'running') ?? count;
  const stalled = listOf(threads, 'stalled').length;
  const restarts = numberOf(threads, 'restarts') ?? 0;
  const last = member(threads, 'last_end');
  return [
    String(count), ...(running < count ? [`${running} running`] : []), ...(stalled > 0 ? [`${stalled} standing still`] : []),
    ...(restarts > 0 ? [`${plural(restarts, 'end')} after a fault, the last at ${textOf(last, 'at')}: ${textOf(last, 'reason')}`] : []),
  ].join(', ');
}

function unresolvedNote(count: number): string {
  return count === 0 ? '' : `, ${plural(count, 'unresolved intent')}: agw audit search --type unresolved`;
}

function upstreamTable(upstreams: readonly unknown[], terminal: CommandContext['terminal']): string {
  const rows = upstreams.map((upstream) => [textOf(upstream, 'url'), textOf(upstream, 'state'), textOf(upstream, 'tools'), [textOf(upstream, 'error'), pausedText(upstream), processText(member(upstream, 'process'))].filter((text) => text !== '').join('; ')]);
  return renderTable(
    [{ title: 'UPSTREAM' }, { title: 'STATE', paint: paintUpstreamState }, { title: 'TOOLS', right: true }, { title: 'NOTE', shrinks: true }],
    rows,
    terminal,
  );
}

async function reload(context: CommandContext): Promise<ExitCode> {
  const answer = await context.control().post('/v1/reload', {});
  printAnswer(context, answer, () => {
    const digests = Object.entries(recordOf(member(answer, 'digests'))).map(([key, digest]) => `  ${key.padEnd(12)} ${printable(String(digest))}`);
    context.terminal.print([`reloaded on ${threadsOf(answer)}`, ...digests].join('\n'));
    warnOf(context, answer);
  });
  return 0;
}

/** What loads, but probably is not what was meant: to stderr, with its place. */
export function warnOf({ terminal }: CommandContext, answer: unknown): void {
  for (const warning of listOf(answer, 'warnings')) terminal.warn(`${terminal.colors.yellow('!')} ${printable(placedMessage(warning))}`);
  for (const text of textsOf(answer, 'not_loaded')) terminal.warn(`${terminal.colors.yellow('!')} ${printable(text)}`);
}

/** `threads` is a count, or one entry per thread. */
export function threadsOf(answer: unknown): string {
  const threads = member(answer, 'threads');
  const count = typeof threads === 'number' ? threads : Array.isArray(threads) ? threads.length : numberOf(threads, 'gateway');
  return count === undefined ? 'every thread' : plural(count, 'thread');
}

async function version(context: CommandContext): Promise<ExitCode> {
  const cli = packageVersion();
  const { gateway, forbidden } = await runningVersion(context);
  printAnswer(context, { agw: cli, node: process.versions.node, gateway }, () => {
    context.terminal.print(`agw ${cli}, Node ${process.versions.node}${forbidden ? ', a gateway that you may not ask (run as its user)' : gateway === null ? ', no gateway running' : `, gateway ${printable(gateway)}`}`);
  });
  return 0;
}

async function runningVersion(context: CommandContext): Promise<{ readonly gateway: string | null; readonly forbidden: boolean }> {
  try {
    const control = context.control();
    return { gateway: textOf(await control.get(control.dataPlaneOnly ? '/health' : '/v1/status'), 'version') || null, forbidden: false };
  } catch (error) {
    if (error instanceof CliFailure) return { gateway: null, forbidden: error.code === 'not_permitted' };
    throw error;
  }
}
