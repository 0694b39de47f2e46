// agw doctor: looks at everything a gateway depends on, and says what to do.
import type { CommandContext, CommandSpec } from '../command.js';
import { bad, guarded, type CheckResult } from '../doctor/check.js';
import type { ExitCode } from '../failure.js';
import { plural, printAnswer } from '../printing.js';
import { printable } from '../terminal.js';

export const doctorCommands: readonly CommandSpec[] = [
  {
    path: 'doctor',
    summary: 'Check ports, files, hashes, certificates, engines, keys, clock and audit log; say what to do',
    examples: ['agw doctor', 'agw doctor --json | jq \'.checks[] | select(.state == "bad")\''],
    negative: 'something is broken (✗)',
    run: doctor,
  },
];

async function doctor(context: CommandContext): Promise<ExitCode> {
  const results = await examine(context);
  const broken = results.filter((result) => result.state === 'bad').length;
  printAnswer(context, { broken, checks: results }, () => printResults(context, results, broken));
  return broken === 0 ? 0 : 1;
}

async function examine(context: CommandContext): Promise<CheckResult[]> {
  const { project } = context;
  const { checkConfig, checkFiles } = await import('../doctor/files.js');
  const { checkMachine, readMachine } = await import('../doctor/machine.js');
  const { checkPorts } = await import('../doctor/ports.js');
  const { checkRunning, readStatus } = await import('../doctor/running.js');
  const { systemClock } = await import('../../base/clock/clock.js');
  const { status, forbidden } = await readStatus(context.control());
  const results = checkMachine(readMachine(systemClock.nowMs()));
  const { results: ofConfig, config } = await checkConfig(project);
  results.push(...ofConfig);
  if (config !== undefined) {
    const { checkCertificates } = await import('../doctor/certificates.js');
    const { front, tls } = config;
    const ports = [{ what: 'port', host: front.host, port: front.port, open: front.plain }, { what: 'mTLS port', host: tls.host, port: tls.port, open: tls.enabled }].filter((port) => port.open);
    results.push(...(await checkFiles(project, config)));
    results.push(...(await guarded('certificates', () => checkCertificates(project, config, systemClock.nowMs()))));
    if (forbidden === undefined) results.push(...(await guarded('ports', () => checkPorts(ports, status !== undefined))));
  }
  if (forbidden !== undefined) return [...results, bad('gateway', forbidden.message, forbidden.remedy ?? '')]; // of its port, its state and its log nothing can be said
  if (status === undefined) results.push(bad('gateway', 'no gateway answers on the control socket', 'Start it: make up'));
  else results.push(...(await guarded('gateway', () => checkRunning(context.control(), status))));
  const { checkAuditChain } = await import('../doctor/audit-chain.js');
  results.push(...(await guarded('audit chain', () => checkAuditChain(project))));
  return results.filter((result) => !isSaidAlready(result, results));
}

/** What the running gateway warns of and a check of the files has found as well. */
function isSaidAlready(result: CheckResult, results: readonly CheckResult[]): boolean {
  return ['gateway says', 'refused file'].includes(result.what) && results.some((other) => other !== result && other.state !== 'ok' && result.found.startsWith(other.found));
}

function printResults({ terminal }: CommandContext, results: readonly CheckResult[], broken: number): void {
  const { colors } = terminal;
  const signs = { ok: colors.green('✓'), note: colors.yellow('!'), bad: colors.red('✗') };
  const width = Math.max(...results.map((result) => result.what.length));
  for (const { state, what, found, remedy } of results) {
    terminal.print(`${signs[state]} ${what.padEnd(width)}  ${found.split('\n').map(printable).join(`\n${' '.repeat(width + 4)}`)}`);
    if (remedy !== undefined) terminal.print(`${' '.repeat(width + 4)}${colors.dim(`→ ${printable(remedy)}`)}`);
  }
  const notes = results.filter((result) => result.state === 'note').length;
  const verdict = broken === 0 ? colors.green('nothing is broken') : colors.red(`${plural(broken, 'thing')} broken`);
  terminal.print(`\n${verdict}${notes === 0 ? '' : `, ${plural(notes, 'note')}`}`);
}
