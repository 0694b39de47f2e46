// Tool servers as a person reads them: a row each with notes on what is wrong, or all that is known of one.
import { remedyForKey } from './key-remedy.js';
import { plural, shownTime } from './printing.js';
import { listOf, member, numberOf, recordOf, textOf, textsOf, truthOf } from './reading.js';
import { renderFields, renderTable, type Column } from './table.js';
import { printable, type Colors, type Terminal } from './terminal.js';

const COLUMNS: readonly Column[] = [
  { title: 'UPSTREAM', shrinks: true }, { title: 'STATE', paint: paintUpstreamState }, { title: 'SINCE', spare: 4 }, { title: 'PROTOCOL', spare: 2 }, { title: 'SERVER', shrinks: true, spare: 1 }, { title: 'TOOLS' },
  { title: 'LIST', right: true }, { title: 'BREAKERS', paint: (text, colors) => (text === 'closed' ? text : colors.red(text)) }, { title: 'REQUESTS', right: true, spare: 3 }, { title: 'CONNECTIONS', right: true, spare: 5 },
];

export function paintUpstreamState(text: string, colors: Colors): string {
  return text === 'up' ? colors.green(text) : text === 'down' ? colors.red(text) : colors.yellow(text);
}

export function upstreamTable(upstreams: readonly unknown[], terminal: Pick<Terminal, 'width' | 'colors'>): string {
  const rows = upstreams.map((upstream) => {
    const load = member(upstream, 'load');
    return [
      textOf(upstream, 'url'), textOf(upstream, 'state'), timeIn(upstream, 'since'), textOf(upstream, 'protocol_version'), serverOf(upstream), toolsText(upstream), listTime(upstream),
      breakersText(upstream), textOf(load, 'requests'), textOf(load, 'connections'),
    ];
  });
  return renderTable(COLUMNS, rows, terminal);
}

function timeIn(value: unknown, key: string): string {
  const text = textOf(value, key);
  return text === '' ? '' : shownTime(text);
}

function serverOf(upstream: unknown): string {
  const server = member(upstream, 'server');
  return [textOf(server, 'name'), textOf(server, 'version')].filter((part) => part !== '').join(' ');
}

/** `5 of 6`: those that can be called, of those registered. */
function toolsText(upstream: unknown): string {
  const tools = member(upstream, 'tools');
  return `${textOf(tools, 'verified')} of ${textOf(tools, 'registered')}`;
}

function listTime(upstream: unknown): string {
  const ms = numberOf(upstream, 'list_ms');
  return ms === undefined ? '' : `${ms.toFixed(1)} ms`;
}

function breakersOf(upstream: unknown, state: string): string[] {
  return listOf(upstream, 'breakers').filter((breaker) => textOf(breaker, 'state') === state).map((breaker) => textOf(breaker, 'tool'));
}

function breakersText(upstream: unknown): string {
  const counts = [['open', breakersOf(upstream, 'open').length], ['half-open', breakersOf(upstream, 'half_open').length]] as const;
  return counts.filter(([, count]) => count > 0).map(([state, count]) => `${count} ${state}`).join(', ') || 'closed';
}

/** What a person should look at, with what to do. Tools that nobody has registered are no fault: most servers have more than is wanted. */
export function upstreamNotes(upstream: unknown, colors: Colors): string[] {
  const url = printable(textOf(upstream, 'url'));
  const tools = member(upstream, 'tools');
  const error = textOf(upstream, 'error');
  const process = processText(member(upstream, 'process'));
  const note = (sign: string, text: string, remedy: string): string => `${sign} ${url}: ${printable(text)}\n${colors.dim(`  → ${printable(remedy)}`)}`;
  const named = (names: readonly string[]): string => names.join(', ');
  const [changed, absent, open] = [textsOf(tools, 'changed_tools'), textsOf(tools, 'absent_tools'), [...breakersOf(upstream, 'open'), ...breakersOf(upstream, 'half_open')]];
  return [
    ...(textOf(upstream, 'state') === 'down' ? [note(colors.red('✗'), [error === '' ? 'it does not answer' : error, process].filter((text) => text !== '').join('; '), `${remedyForKey(error, { ofAgw: false }) ?? `${process === '' ? 'Start the server' : 'Run its command by hand: what it wrote to stderr is in the gateway\'s log'}, or repair its upstream in the registry`}. What was verified stays callable for registry.verify_max_age_s.`)] : []),
    ...(textOf(upstream, 'state') === 'unknown' ? [note(colors.yellow('!'), 'not listed yet', 'Look again in a moment.')] : []),
    ...(changed.length > 0 ? [note(colors.red('✗'), `changed since registration: ${named(changed)}`, `agw tools diff ${changed[0] ?? ''}`)] : []),
    ...(absent.length > 0 ? [note(colors.yellow('!'), `registered, but not served: ${named(absent)}`, `agw tools diff ${absent[0] ?? ''}`)] : []),
    ...(open.length > 0 ? [note(colors.red('✗'), `calls are paused (circuit_open): ${named(open)}`, 'agw inspect traffic --code mcp_transport_failed')] : []),
    ...((numberOf(tools, 'unregistered') ?? 0) > 0 ? [colors.dim(`· ${url}: served, and not registered: ${textOf(tools, 'unregistered')}\n  → ${printable(`agw tools add --from ${textOf(upstream, 'url')} NAME`)}`)] : []),
  ];
}

export function upstreamCard(upstream: unknown, colors: Colors): string {
  const [tools, load] = [member(upstream, 'tools'), member(upstream, 'load')];
  const counts = ['registered', 'verified', 'mismatch', 'absent', 'unknown', 'served', 'unregistered'].map((key) => `${textOf(tools, key)} ${key}`).join(', ');
  const breakers = listOf(upstream, 'breakers').map((breaker) => `${textOf(breaker, 'tool')} ${textOf(breaker, 'state')}${timeIn(breaker, 'until') === '' ? '' : ` until ${timeIn(breaker, 'until')}`}${textOf(breaker, 'failures') === '' ? '' : ` after ${textOf(breaker, 'failures')} failures`}`);
  const fields = [
    ['state', `${textOf(upstream, 'state')}${timeIn(upstream, 'since') === '' ? '' : ` since ${timeIn(upstream, 'since')}`}`],
    ['error', textOf(upstream, 'error')],
    ['process', processText(member(upstream, 'process'))],
    ['server', serverOf(upstream)],
    ['protocol', `${textOf(upstream, 'protocol_version')}${textOf(upstream, 'era') === '' ? '' : ` (${textOf(upstream, 'era')}); it speaks ${textsOf(upstream, 'versions').join(', ')}`}`],
    ['capabilities', Object.keys(recordOf(member(upstream, 'capabilities'))).join(', ')],
    ['instructions', truthOf(upstream, 'has_instructions') ? 'yes' : 'none'],
    ['tools', counts],
    ['changed', textsOf(tools, 'changed_tools').join(', ')],
    ['absent', textsOf(tools, 'absent_tools').join(', ')],
    ['listed', `${timeIn(upstream, 'listed_at') || 'never'}${listTime(upstream) === '' ? '' : `; last try ${timeIn(upstream, 'tried_at')}, ${listTime(upstream)}`}`],
    ['breakers', breakers.join(', ') || 'closed'],
    ['load', `${plural(numberOf(load, 'requests') ?? 0, 'request')} sent, ${textOf(load, 'under_way')} under way, ${plural(numberOf(load, 'connections') ?? 0, 'connection')}`],
  ] as const;
  return `${colors.bold(printable(textOf(upstream, 'url')))}\n${renderFields(fields.filter(([, value]) => value !== '').map(([key, value]) => [key, printable(value)] as const), colors)}`;
}

/** Of an upstream of /v1/status; empty where no call is held up. */
export function pausedText(upstream: unknown): string {
  const paused = textsOf(upstream, 'paused');
  return paused.length === 0 ? '' : `calls are paused (circuit_open): ${paused.join(', ')}`;
}

/** Of a tool server that the gateway runs itself; empty for others. */
export function processText(process: unknown): string {
  if (process === undefined) return '';
  const pids = listOf(process, 'pids').map(String);
  const ended = numberOf(process, 'ended') ?? 0;
  const last = member(process, 'last_end');
  const running = pids.length === 0 ? 'no process' : `${pids.length === 1 ? 'process' : `${pids.length} processes:`} ${pids.join(', ')}`;
  return ended === 0 ? running : `${running}; ended by itself ${ended === 1 ? 'once' : `${ended} times`}, last at ${textOf(last, 'at')}: ${textOf(last, 'reason')}`;
}
