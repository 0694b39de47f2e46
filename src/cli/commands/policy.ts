// agw policy: what the Rego policies say, taking new ones up, listing and testing them.
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { SpiffeId } from '../../engines/identity/types.js';
import { namesSubject } from '../../mcp/methods.js';
import { callerOption } from '../caller-option.js';
import { given, type CommandContext, type CommandSpec } from '../command.js';
import { CliFailure, type ExitCode } from '../failure.js';
import { plural, printAnswer, shortHash } from '../printing.js';
import { listOf, member, numberOf, textOf, textsOf, truthOf } from '../reading.js';
import { renderTable } from '../table.js';
import { printable } from '../terminal.js';
import { threadsOf, warnOf } from './status.js';

export const policyCommands: readonly CommandSpec[] = [
  {
    path: 'policy eval',
    summary: 'What the policies decide for a caller, a tool and a method',
    detail: 'Answers for layer 6 alone: another layer may still refuse the call. Asks the running gateway. Where the policy files were changed since it loaded them, the answer is theirs, and a note says where the gateway itself decides otherwise until agw policy reload.',
    options: [
      { flags: '--caller <spiffe-id>', about: 'who calls', required: true },
      { flags: '--tool <name>', about: 'the tool; not needed for methods such as tools/list' },
      { flags: '--method <method>', about: 'the MCP method (default tools/call)' },
      { flags: '--arguments <json>', about: 'the call\'s arguments, for policies that read them' },
      { flags: '--active', about: 'ask what the gateway has loaded, whatever the files say now' },
      { flags: '--offline', about: 'evaluate the files, without a gateway' },
    ],
    examples: [
      'agw policy eval --caller spiffe://poc.local/agents/mcp-client/my-agent/dev --tool my_tool --method tools/call',
      'agw policy eval --caller spiffe://poc.local/agents/mcp-client/my-agent/dev --method tools/list --offline',
    ],
    negative: 'DENY',
    run: evaluate,
  },
  {
    path: 'policy reload',
    summary: 'Take up the policy files on every thread, at once',
    detail: 'A bad file is named with file:line:column, and the old set stays. What loads but decides nothing, or may conflict, is warned of.',
    examples: ['agw policy reload'],
    run: reload,
  },
  {
    path: 'policy list',
    summary: 'Packages and rules, and which inputs the policies read',
    options: [{ flags: '--offline', about: 'from the files, without a gateway' }],
    examples: ['agw policy list', 'agw policy list --offline --json | jq .reads'],
    run: list,
  },
  {
    path: 'policy test',
    summary: 'Run the test_ rules of _test.rego files',
    arguments: [{ name: '[dirs...]', about: 'folders (default: the configured ones)' }],
    examples: ['agw policy test', 'agw policy test policies --json'],
    negative: 'a test failed, or there is none',
    run: test,
  },
];

interface EvalAnswer {
  readonly decision: 'ALLOW' | 'DENY';
  readonly reason: string;
  readonly registered: boolean;
  readonly fault: string;
  readonly notes: readonly string[];
  /** What the gateway decides until a reload, where that is another set than the one that answered. */
  readonly untilReload?: string;
}

async function evaluate(context: CommandContext): Promise<ExitCode> {
  if (context.flag('offline') && context.flag('active')) throw new CliFailure('--active asks the gateway, --offline the files: give one of them.');
  const answer = await (context.flag('offline') ? evaluateFiles(context) : askGateway(context));
  const { terminal } = context;
  if (answer.fault !== '') throw new CliFailure(`the policy could not be evaluated: ${answer.fault}.`, { remedy: 'A call would be refused with authz_evaluation_error. Try: agw policy test', code: 'authz_evaluation_error' });
  const tool = context.option('tool');
  const { untilReload } = answer;
  const facts = { decision: answer.decision, reason: answer.reason || null, registered: answer.registered };
  printAnswer(context, context.flag('offline') ? { ...facts, notes: answer.notes } : { ...facts, notes: answer.notes, active: untilReload === undefined, active_decision: untilReload ?? answer.decision }, () => {
    terminal.print(decisionText(answer));
    if (!answer.registered && tool !== undefined) terminal.warn(`note: ${printable(tool)} is not registered; the registry (layer 5) refuses it before any policy is asked`);
    if (tool === undefined && namesSubject(methodOf(context))) terminal.warn(`note: ${printable(methodOf(context))} names what it is about, and this answer is for a call that names nothing: add --tool NAME`);
    for (const text of answer.notes) terminal.warn(`note: ${printable(text)}`);
    if (untilReload !== undefined && untilReload !== answer.decision) terminal.warn(`note: this is what the policy files say now; until agw policy reload the gateway says ${printable(untilReload)} (--active asks it alone)`);
  });
  return answer.decision === 'ALLOW' ? 0 : 1;
}

/** Scripts read this line: its form is part of the contract (SPEC section 1, step 5). */
export function decisionText({ decision, reason }: Pick<EvalAnswer, 'decision' | 'reason'>): string {
  if (decision === 'ALLOW') return reason === '' ? 'ALLOW' : `ALLOW (${printable(reason)})`;
  return `DENY (${reason === '' ? 'no policy permits this combination' : printable(reason)})`;
}

async function askGateway(context: CommandContext): Promise<EvalAnswer> {
  const { caller, tool, method, argumentsJson } = questionOf(context);
  const body = { caller, method, ...(tool === undefined ? {} : { tool }), ...(argumentsJson === undefined ? {} : { arguments_json: argumentsJson }), ...(context.flag('active') ? { active: true } : {}) };
  const answer = await context.control().post('/v1/policy/eval', body).catch(orOffline).catch(explainWrongFiles);
  const decision = textOf(answer, 'decision');
  if (decision !== 'ALLOW' && decision !== 'DENY') throw new CliFailure('the gateway gave no decision.');
  return { decision, reason: textOf(answer, 'reason'), registered: member(answer, 'registered') !== false, fault: textOf(answer, 'fault'), notes: textsOf(answer, 'notes'), ...(member(answer, 'active') === false ? { untilReload: textOf(answer, 'active_decision') } : {}) };
}

/** The files themselves can be asked, too. */
function orOffline(error: unknown): never {
  if (!(error instanceof CliFailure) || error.code !== 'gateway_not_running') throw error;
  throw new CliFailure(error.message, { code: error.code, remedy: `${error.remedy ?? ''}; or read the files themselves: --offline` });
}

function explainWrongFiles(error: unknown): never {
  if (!(error instanceof CliFailure) || error.code !== 'reload_refused') throw error;
  throw new CliFailure(error.message, { code: error.code, remedy: [error.remedy ?? '', 'Until it is repaired the gateway decides by what it loaded before: --active asks that.'].join(' ').trim() });
}

async function evaluateFiles(context: CommandContext): Promise<EvalAnswer> {
  const { caller, tool, method, argumentsJson } = questionOf(context);
  const { evaluateOffline } = await import('../offline-policy.js');
  const { decision, registered, notes } = await evaluateOffline(context.project, { caller, tool, method, argumentsJson: argumentsJson ?? '{}' });
  if (decision.kind === 'fault') return { decision: 'DENY', reason: '', registered, fault: decision.message, notes };
  return { decision: decision.kind === 'allow' ? 'ALLOW' : 'DENY', reason: decision.reason ?? '', registered, fault: '', notes };
}

function questionOf(context: CommandContext): { caller: SpiffeId; tool: string | undefined; method: string; argumentsJson: string | undefined } {
  const argumentsJson = context.option('arguments');
  if (methodOf(context) === '') throw new CliFailure('--method is empty.', { remedy: 'Leave it out for tools/call.' });
  if (argumentsJson !== undefined && !isJsonObject(argumentsJson)) throw new CliFailure('--arguments is not a JSON object.', { remedy: 'Write --arguments \'{"query":"x"}\'' });
  return { caller: given(callerOption(context)), tool: context.option('tool'), method: methodOf(context), argumentsJson };
}

function methodOf(context: CommandContext): string {
  return context.option('method') ?? 'tools/call';
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

async function reload(context: CommandContext): Promise<ExitCode> {
  const answer = await context.control().post('/v1/policy/reload', {});
  printAnswer(context, answer, () => {
    const counts = [countOf(answer, 'files', 'file'), countOf(answer, 'rules', 'rule')].filter((text) => text !== '').join(', ');
    context.terminal.print(`policies active on ${threadsOf(answer)}: ${counts === '' ? '' : `${counts}, `}digest ${shortHash(textOf(answer, 'policy_digest'))}`);
    warnOf(context, answer);
  });
  return 0;
}

function countOf(answer: unknown, key: string, noun: string): string {
  const listed = listOf(answer, key).length;
  const count = numberOf(answer, key) ?? (listed > 0 ? listed : undefined);
  return count === undefined ? '' : plural(count, noun);
}

async function list(context: CommandContext): Promise<ExitCode> {
  const answer = context.flag('offline') ? await listFiles(context) : await context.control().get('/v1/policy').catch(orOffline);
  printAnswer(context, answer, () => {
    const { terminal } = context;
    const rows = listOf(answer, 'packages').flatMap((item) => listOf(item, 'rules').map((rule) => [textOf(item, 'name'), textOf(rule, 'name'), `${textOf(item, 'file')}:${textOf(rule, 'line')}`]));
    if (rows.length === 0) {
      terminal.print('no policies: every call that needs a rule is denied');
      return warnOf(context, answer);
    }
    terminal.print(renderTable([{ title: 'PACKAGE' }, { title: 'RULE' }, { title: 'WHERE', shrinks: true }], rows, terminal));
    const reads = member(answer, 'reads');
    const inputs = textsOf(reads, 'inputs').join(', ') || 'nothing';
    terminal.print(`\nreads ${printable(inputs)}; decisions are ${truthOf(reads, 'cacheable') ? 'cached' : `not cached: ${printable(textOf(reads, 'because'))}`}`);
    warnOf(context, answer);
  });
  return 0;
}

async function listFiles(context: CommandContext): Promise<unknown> {
  const { openPolicies } = await import('../offline-policy.js');
  const set = await openPolicies(context.project);
  set.close();
  return { digest: set.digest, packages: set.packages, reads: set.reads, warnings: set.warnings };
}

async function test(context: CommandContext): Promise<ExitCode> {
  const dirs = context.argumentsFrom(0);
  const absent = dirs.find((dir) => statSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true);
  if (absent !== undefined) throw new CliFailure(`there is no folder ${absent}.`, { remedy: 'Name folders of Rego files, or none for those of policy.dirs.', code: 'not_found' });
  const { testPolicies } = await import('../offline-policy.js');
  const results = await testPolicies(context.project, dirs.length === 0 ? undefined : dirs.map((dir) => resolve(dir)));
  const failed = results.filter((result) => !result.passed);
  printAnswer(context, { passed: results.length - failed.length, failed: failed.length, tests: results }, () => {
    const { terminal } = context;
    for (const result of results) {
      const sign = result.passed ? terminal.colors.green('✓') : terminal.colors.red('✗');
      const why = result.error === undefined ? '' : `: ${printable(result.error)}`;
      terminal.print(`${sign} ${printable(result.name)}${result.passed ? '' : ` (${printable(result.file)}:${result.line})${why}`}`);
    }
    terminal.print(results.length === 0 ? 'there are no policy tests' : `${results.length - failed.length} passed, ${failed.length} failed`);
  });
  return failed.length === 0 && results.length > 0 ? 0 : 1;
}
