// What a call came to, and how that is said: the tool's answer plainly, a refusal in the gateway's words.
import { isErrorCode } from '../base/errors/table.js';
import { parseJson } from '../base/json/parse-json.js';
import { LEGACY_VERSIONS } from '../mcp/versions.js';
import type { ExitCode } from './failure.js';
import type { Answered } from './mcp-caller.js';
import { listOf, member, recordOf, textOf, truthOf, type JsonRecord } from './reading.js';
import { renderFields } from './table.js';
import { printable, type Colors, type Terminal } from './terminal.js';

export type Outcome =
  | { readonly kind: 'result'; readonly result: JsonRecord }
  /** The tool ran, and says that it failed. */
  | { readonly kind: 'tool_error'; readonly result: JsonRecord }
  /** It wants an answer first (2026-07-28, MRTR), which agw can't give. */
  | { readonly kind: 'input_required'; readonly result: JsonRecord }
  | { readonly kind: 'refused'; readonly refusal: JsonRecord }
  /** A JSON-RPC error that is the tool server's own. */
  | { readonly kind: 'error'; readonly error: JsonRecord };

export const OUTCOME_EXITS: Readonly<Record<Outcome['kind'], ExitCode>> = { result: 0, tool_error: 1, input_required: 1, error: 1, refused: 3 };

export function outcomeOf({ message }: Pick<Answered, 'message'>): Outcome {
  const error = member(message, 'error');
  if (error !== undefined) {
    const refusal = recordOf(member(error, 'data'));
    const ours = isErrorCode(textOf(refusal, 'code')) && textOf(refusal, 'decision_id') !== '';
    return ours ? { kind: 'refused', refusal } : { kind: 'error', error: recordOf(error) };
  }
  const result = recordOf(member(message, 'result'));
  if (textOf(result, 'resultType') === 'input_required') return { kind: 'input_required', result };
  return { kind: truthOf(result, 'isError') ? 'tool_error' : 'result', result };
}

/** Text blocks as they are; of other content what it is; structured content as JSON, unless a text block is that JSON already. */
export function resultText(result: JsonRecord, { isTty }: Pick<Terminal, 'isTty'>): string {
  const shown = (text: string): string => (isTty ? text.split('\n').map(printableLine).join('\n') : text);
  const blocks = listOf(result, 'content').map((block) => (textOf(block, 'type') === 'text' ? shown(textOf(block, 'text')) : describeBlock(block)));
  const structured = member(result, 'structuredContent');
  const repeated = structured !== undefined && listOf(result, 'content').some((block) => isSameJson(textOf(block, 'text'), structured));
  const known = blocks.length > 0 || structured !== undefined;
  return [...blocks, ...(structured === undefined || repeated ? [] : [shown(JSON.stringify(structured, undefined, isTty ? 2 : 0))]), ...(known ? [] : [shown(JSON.stringify(result))])].join('\n');
}

function printableLine(line: string): string {
  return line.split('\t').map(printable).join('\t');
}

function isSameJson(text: string, value: unknown): boolean {
  try {
    return JSON.stringify(parseJson(text)) === JSON.stringify(value);
  } catch {
    return false;
  }
}

function describeBlock(block: unknown): string {
  const resource = member(block, 'resource');
  const facts = [
    textOf(block, 'mimeType') || textOf(resource, 'mimeType'), textOf(block, 'uri') || textOf(resource, 'uri'),
    member(block, 'data') === undefined ? '' : `${textOf(block, 'data').length} characters of base64`,
  ].filter((fact) => fact !== '');
  return printable(`[${textOf(block, 'type') || 'content'}${facts.length === 0 ? '' : `: ${facts.join(', ')}`}; --json has it]`);
}

/** To stderr, beside the result. */
export function outcomeNote(outcome: Outcome, traceId: string, colors: Colors): string | undefined {
  switch (outcome.kind) {
    case 'result': return undefined;
    case 'tool_error': return `${colors.yellow('!')} the tool says that it failed; the record: agw audit explain ${traceId}`;
    case 'input_required': return `${colors.yellow('!')} the tool asks for more (${Object.keys(recordOf(member(outcome.result, 'inputRequests'))).map(printable).join(', ') || 'input'}), which agw can't give: call it from an MCP client`;
    case 'error': return `${colors.red('✗')} the tool's server answered with JSON-RPC error ${textOf(outcome.error, 'code')}: ${printable(textOf(outcome.error, 'message'))}\n${colors.bold('→')} agw audit explain ${traceId}`;
    case 'refused': return refusalText(outcome.refusal, colors);
  }
}

/** As the error table writes it. */
const POLICY_QUESTION = 'agw policy eval --caller ID --tool NAME --method METHOD';
const PLAIN_WORD = /^[A-Za-z0-9_/][A-Za-z0-9_./:@+-]*$/;

function refusalText(refusal: JsonRecord, colors: Colors): string {
  const details = member(refusal, 'details');
  const fields = [
    ['reason', textOf(refusal, 'reason_code')], ['details', details === undefined ? '' : JSON.stringify(details)], ['decision', textOf(refusal, 'decision_id')],
  ].filter(([, value]) => value !== '').map(([key = '', value = '']) => [key, printable(value)] as const);
  const step = textOf(refusal, 'middleware_step');
  const explained = `agw audit explain ${textOf(refusal, 'decision_id')}`;
  const remedy = withQuestion(textOf(refusal, 'remediation'), details).replace('agw audit explain DECISION_ID', explained);
  return [
    `${colors.red('✗')} ${colors.bold(printable(textOf(refusal, 'code')))}: refused at step ${printable(step)} (${printable(textOf(refusal, 'middleware'))}). ${printable(textOf(refusal, 'message'))}`,
    renderFields(fields, colors),
    ...(remedy === '' ? [] : [`${colors.bold('→')} ${printable(remedy)}`]),
    ...(textOf(refusal, 'code') === 'stepup_approval_required' ? [`${colors.bold('→')} agw waits for the decision with --wait, and then repeats the call.`] : []),
    ...(textOf(refusal, 'reason_code') === 'upstream_era' ? [`${colors.bold('→')} agw makes a handshake with --era ${LEGACY_VERSIONS[0] ?? ''}.`] : []),
    ...(remedy.includes(explained) ? [] : [`${colors.bold('→')} ${printable(explained)}`]),
  ].join('\n');
}

/** The command of a remedy, ready to be run: what it asks about is in the refusal's details. Only words that no shell reads otherwise are put in. */
function withQuestion(remedy: string, details: unknown): string {
  const [caller, tool, method] = [textOf(details, 'caller'), textOf(details, 'tool'), textOf(details, 'method')];
  if (![caller, method, tool || 'none'].every((word) => PLAIN_WORD.test(word))) return remedy;
  return remedy.replace(POLICY_QUESTION, `agw policy eval --caller ${caller}${tool === '' ? '' : ` --tool ${tool}`} --method ${method}`);
}

/** `progress 3/10: reading`, `log warning: slow`; undefined for messages that say nothing to a person. */
export function notificationText(message: JsonRecord): string | undefined {
  const params = member(message, 'params');
  switch (textOf(message, 'method')) {
    case 'notifications/progress': {
      const [total, what] = [textOf(params, 'total'), textOf(params, 'message')];
      return printable(`progress ${textOf(params, 'progress')}${total === '' ? '' : `/${total}`}${what === '' ? '' : `: ${what}`}`);
    }
    case 'notifications/message': {
      const data = member(params, 'data');
      return printable(`log ${textOf(params, 'level')}: ${typeof data === 'string' ? data : JSON.stringify(data ?? null)}`);
    }
    default: return undefined;
  }
}
