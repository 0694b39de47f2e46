// Checks of the running gateway, by what it says of itself: engines, tool hashes, upstreams, audit.
import { placedMessage, type ControlClient } from '../control-client.js';
import { CliFailure } from '../failure.js';
import { remedyForKey } from '../key-remedy.js';
import { plural } from '../printing.js';
import { listOf, member, recordOf, textOf, textsOf, truthOf, type JsonRecord } from '../reading.js';
import { pausedText, processText } from '../upstreams-view.js';
import { bad, note, ok, type CheckResult } from './check.js';

/** `status` undefined: no gateway answers; `forbidden` says why where one may well run. */
export async function readStatus(control: ControlClient): Promise<{ readonly status: JsonRecord | undefined; readonly forbidden: CliFailure | undefined }> {
  try {
    return { status: recordOf(await control.get('/v1/status')), forbidden: undefined };
  } catch (error) {
    return { status: undefined, forbidden: error instanceof CliFailure && error.code === 'not_permitted' ? error : undefined };
  }
}

export async function checkRunning(control: ControlClient, status: JsonRecord): Promise<CheckResult[]> {
  const tools = await control.get('/v1/tools');
  return [ok('gateway', `version ${textOf(status, 'version')}, pid ${textOf(status, 'pid')}`), ...checkEngines(status), ...checkUpstreams(status), ...checkTools(tools), checkAuditHealth(status), ...checkRefused(status), ...textsOf(status, 'not_loaded').map((text) => note('not loaded', text, 'Run what it names')), ...textsOf(status, 'warnings').map((text) => note('gateway says', text, 'See agw status'))];
}

function checkEngines(status: JsonRecord): CheckResult[] {
  const engines = status['engines'];
  return ['front', 'matcher', 'json', 'policy'].map((name) => {
    const engine = textOf(member(engines, name), 'engine') || textOf(engines, name);
    const because = textOf(member(engines, name), 'because');
    const found = because === '' ? engine : `${engine} (${because})`;
    if (name === 'matcher' && engine === 're2') return note('matcher', found, 'Slower, equally strict. For Hyperscan: install libhyperscan-dev, then make up');
    return name === 'json' && /typescript/i.test(engine) ? note('json', found, 'Slower, equally strict. Build the addon: node native/build.mjs') : ok(name, found);
  });
}

function checkUpstreams(status: JsonRecord): CheckResult[] {
  return listOf(status, 'upstreams').flatMap((upstream) => {
    const paused = pausedText(upstream);
    return [checkUpstream(upstream), ...(paused === '' ? [] : [bad('upstream', `${textOf(upstream, 'url')}: ${paused}`, 'agw inspect traffic --code mcp_transport_failed shows how they failed. They go on by themselves: each breaker.reset_timeout_s one is tried.')])];
  });
}

function checkUpstream(upstream: unknown): CheckResult {
  const url = textOf(upstream, 'url');
  const process = processText(member(upstream, 'process'));
  if (textOf(upstream, 'state') === 'up') return ok('upstream', `${url}, ${plural(Number(textOf(upstream, 'tools')), 'tool')}${process === '' ? '' : `, ${process}`}`);
  const found = `${url} is ${textOf(upstream, 'state')}${textOf(upstream, 'error') === '' ? '' : `: ${textOf(upstream, 'error')}`}`;
  if (process !== '') return bad('upstream', `${found}; ${process}`, 'Run its command by hand; what it wrote to stderr is in the gateway\'s log.');
  return bad('upstream', found, remedyForKey(textOf(upstream, 'error'), { ofAgw: false }) ?? 'Start the server, or correct upstream: in the registry.');
}

function checkTools(answer: unknown): CheckResult[] {
  const tools = listOf(answer, 'tools');
  const named = (state: string): string[] => tools.filter((tool) => textOf(tool, 'state') === state).map((tool) => textOf(tool, 'name'));
  const results: CheckResult[] = [];
  for (const name of named('mismatch')) results.push(bad('tool hash', `${name} changed since it was registered: its calls are refused`, `agw tools diff ${name}`));
  for (const name of named('absent')) results.push(note('tool hash', `${name} is registered, but not served`, `Take it out of the registry, or ask its server's operator.`));
  if (named('unknown').length > 0) results.push(note('tool hash', `not verified yet: ${named('unknown').join(', ')}`, 'Their server must answer tools/list.'));
  return [...results, ok('tool hash', `${plural(named('verified').length, 'tool')} verified with their server`)];
}

function checkRefused(status: JsonRecord): CheckResult[] {
  return listOf(status, 'refused').map((fault) => bad('refused file', `${placedMessage(fault)} (the gateway goes on with what it had before)`, textOf(fault, 'remediation') || 'Repair the file, then: agw reload'));
}

function checkAuditHealth(status: JsonRecord): CheckResult {
  const audit = status['audit'];
  if (!truthOf(audit, 'healthy')) return bad('audit log', textOf(audit, 'because') || 'unhealthy', 'Free the disk or repair the folder: until then every call is refused.');
  return ok('audit log', `line ${textOf(audit, 'seq')}`);
}
