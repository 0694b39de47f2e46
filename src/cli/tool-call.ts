// One call of a tool as an agent makes it: arguments, evidence, the answer as it comes, an approval waited for, and what it came to.
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../base/clock/clock.js';
import { createIds } from '../base/ids/ids.js';
import { makeParamHeaders, readParamMarks } from '../mcp/param-headers.js';
import { eraOf, timeoutOf, type EraName } from './asking.js';
import { readCallArguments } from './call-arguments.js';
import { notificationText, OUTCOME_EXITS, outcomeNote, outcomeOf, resultText, type Outcome } from './call-outcome.js';
import { given, type CommandContext } from './command.js';
import { findDataPlane } from './data-plane.js';
import { CliFailure, type ExitCode } from './failure.js';
import { withInterrupt } from './interrupt.js';
import { createCaller, type Answered, type McpCaller, type Question } from './mcp-caller.js';
import { printJson, printJsonText, warnJson } from './printing.js';
import { member, textOf, type JsonRecord } from './reading.js';
import { printable } from './terminal.js';

const RETRY_DEFAULT_S = 5; // where the gateway does not say when to come again
const RETRY_MAX_S = 60; // a person who has approved does not wait longer
const MS_PER_SECOND = 1000;
const APPROVAL_CODE = 'stepup_approval_required';

export async function callTool(context: CommandContext): Promise<ExitCode> {
  if (context.flag('raw') && context.json) throw new CliFailure('--raw and --json are two ways to print: give one of them.', { code: 'usage' });
  const name = given(context.argument(0));
  const timeoutMs = timeoutOf(context);
  const written = await readCallArguments(context);
  const plane = await findDataPlane(context);
  const known = await knownOf(context, name);
  const bytes = Buffer.from(written);
  const headers = makeParamHeaders(readParamMarks(known.inputSchema) ?? [], bytes, { from: 0, to: bytes.length });
  const question: Question = { method: 'tools/call', name, members: `"name":${JSON.stringify(name)},"arguments":${written}`, headers };
  return withInterrupt(async (signal) => {
    const caller = createCaller(eraOf(context, known.era), { plane, timeoutMs, ids: createIds(), signal, onMessage: (text, message) => follow(context, text, message) });
    try {
      const startedMs = systemClock.monotonicMs();
      const answered = await askUntilDecided(context, caller, question, signal);
      return printOutcome(context, answered, systemClock.monotonicMs() - startedMs);
    } finally {
      await caller.close();
    }
  });
}

/** What the control socket knows of the tool's server: its era, which the gateway does not bridge, and the schema it serves. Without a socket no header repeats an argument. */
async function knownOf(context: CommandContext, name: string): Promise<{ readonly era: EraName; readonly inputSchema: unknown }> {
  const control = context.control();
  if (control.dataPlaneOnly) return { era: 'modern', inputSchema: undefined };
  try {
    const tool = await control.get(`/v1/tools/${encodeURIComponent(name)}/diff`);
    return { era: textOf(member(tool, 'upstream'), 'era') === 'legacy' ? 'legacy' : 'modern', inputSchema: member(member(tool, 'served'), 'inputSchema') };
  } catch (error) {
    if (error instanceof CliFailure) return { era: 'modern', inputSchema: undefined }; // not registered: that is layer 5's to say
    throw error;
  }
}

function follow(context: CommandContext, text: string, message: JsonRecord): void {
  const { terminal } = context;
  if (context.flag('raw')) return printJsonText(context, text);
  const note = notificationText(message);
  if (note === undefined) return;
  if (context.json) warnJson(context, { notification: message });
  else terminal.warn(terminal.colors.dim(note));
}

/** With --wait the identical call is repeated until the request it opened is decided. Another request's id means that this one ended undecided. */
async function askUntilDecided(context: CommandContext, caller: McpCaller, question: Question, signal: AbortSignal): Promise<Answered> {
  const waits = context.flag('wait');
  let opened = '';
  for (;;) {
    const answered = await caller.ask(question);
    const request = waits ? requestOf(outcomeOf(answered)) : '';
    if (request === '' || (opened !== '' && request !== opened)) return answered;
    if (opened === '') sayWaiting(context, answered, request);
    opened = request;
    await sleep(Math.min(answered.retryAfterS ?? RETRY_DEFAULT_S, RETRY_MAX_S) * MS_PER_SECOND, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) throw new CliFailure(`stopped; ${request} still waits for a person.`, { code: 'stopped', remedy: `It ends by itself, or: agw approvals deny ${request}` });
  }
}

/** The approval request that a refusal has opened; '' = it is no such refusal. */
function requestOf(outcome: Outcome): string {
  return outcome.kind === 'refused' && textOf(outcome.refusal, 'code') === APPROVAL_CODE ? textOf(member(outcome.refusal, 'details'), 'request_id') : '';
}

function sayWaiting(context: CommandContext, { message }: Answered, request: string): void {
  const { terminal } = context;
  const details = member(member(member(message, 'error'), 'data'), 'details');
  if (context.json) warnJson(context, { waiting: details });
  else terminal.warn(`${terminal.colors.yellow('…')} waits for a person until ${printable(textOf(details, 'expires_at'))}: agw approvals approve ${printable(request)}`);
}

function printOutcome(context: CommandContext, answered: Answered, tookMs: number): ExitCode {
  const outcome = outcomeOf(answered);
  const { terminal } = context;
  if (context.json) printJson(context, { outcome: outcome.kind, status: answered.status, latency_ms: Math.round(tookMs), trace_id: answered.traceId, ...bodyOf(outcome) });
  else if (!context.flag('raw')) {
    if ('result' in outcome && outcome.kind !== 'input_required') terminal.print(resultText(outcome.result, terminal));
    const note = outcomeNote(outcome, answered.traceId, terminal.colors);
    if (note !== undefined) terminal.warn(note);
  }
  return OUTCOME_EXITS[outcome.kind];
}

function bodyOf(outcome: Outcome): JsonRecord {
  switch (outcome.kind) {
    case 'refused': return { refusal: outcome.refusal };
    case 'error': return { error: outcome.error };
    default: return { result: outcome.result };
  }
}
