// What a call came to, and what of it is printed where.
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../../src/base/errors/table.js';
import { notificationText, OUTCOME_EXITS, outcomeNote, outcomeOf, resultText } from '../../../src/cli/call-outcome.js';

const plain = pc.createColors(false);
const refusal = { code: 'authz_policy_denied', message: 'No policy permits this combination.', middleware: 'opa_policy', middleware_step: 6, decision_id: 'd-1', reason_code: 'why', details: { tool: 'x\u001b[2J' }, remediation: 'Add a rule.' };
const ofResult = (result: unknown) => outcomeOf({ message: { result } });
const ofError = (error: unknown) => outcomeOf({ message: { error } });

describe('an answer', () => {
  it.each([
    ['result', ofResult({ content: [] }), 0], ['tool_error', ofResult({ content: [], isError: true }), 1], ['input_required', ofResult({ resultType: 'input_required', inputRequests: { name: {} } }), 1],
    ['refused', ofError({ code: 403, data: refusal }), 3], ['error', ofError({ code: -32602, message: 'no' }), 1],
    ['error', ofError({ code: 1, data: { code: 'authz_policy_denied' } }), 1], ['error', ofError({ code: 1, data: { ...refusal, code: 'own_code' } }), 1],
  ] as const)('is %s', (kind, outcome, exit) => {
    expect([outcome.kind, OUTCOME_EXITS[outcome.kind]]).toEqual([kind, exit]);
  });
});

describe('a result', () => {
  const shown = (result: object, isTty = false): string => resultText({ ...result }, { isTty });

  it('is its text, untouched where it is piped, harmless on a terminal', () => {
    const result = { content: [{ type: 'text', text: 'a\n\tb\u001b[2J' }, { type: 'text', text: 'c' }] };
    expect(shown(result)).toBe('a\n\tb\u001b[2J\nc');
    expect(shown(result, true)).toBe('a\n\tb\\u{1b}[2J\nc');
  });

  it('shows structured content as JSON, once', () => {
    expect(shown({ content: [], structuredContent: { a: 1 } })).toBe('{"a":1}');
    expect(shown({ content: [{ type: 'text', text: '{ "a": 1 }' }], structuredContent: { a: 1 } })).toBe('{ "a": 1 }');
    expect(shown({ content: [{ type: 'text', text: 'one' }], structuredContent: { a: 1 } })).toBe('one\n{"a":1}');
  });

  it('shows structured content that a text says otherwise, if by a sign of a name', () => {
    const structuredContent = JSON.parse(String.raw`{"read first":1,"\\":1}`) as unknown;
    const text = String.raw`{"read first":1,"\"":1}`;
    expect(shown({ content: [{ type: 'text', text }], structuredContent })).toBe(`${text}\n${JSON.stringify(structuredContent)}`);
  });

  it('says what other content is', () => {
    expect(shown({ content: [{ type: 'image', mimeType: 'image/png', data: 'AAAA' }, { type: 'resource_link', uri: 'file:///x\u202e' }] })).toBe('[image: image/png, 4 characters of base64; --json has it]\n[resource_link: file:///x\\u{202e}; --json has it]');
  });

  it('of another kind is its JSON', () => {
    expect(shown({ resultType: 'task', taskId: 't' })).toBe('{"resultType":"task","taskId":"t"}');
  });
});

describe('a refusal', () => {
  it('is said with code, step, reason, details, remedy and what explains it', () => {
    const note = outcomeNote(ofError({ code: 403, data: refusal }), 'trace', plain) ?? '';
    for (const part of ['authz_policy_denied', 'step 6', 'opa_policy', 'why', 'Add a rule.', 'agw audit explain d-1', 'No policy permits']) expect(note).toContain(part);
    expect(note).not.toContain('\u001b');
  });
});

describe('the question to the policies that a refusal recommends', () => {
  const details = { caller: 'spiffe://poc.local/agents/a/dev', tool: 'my_tool', method: 'tools/call' };
  const said = (more: object): string => outcomeNote(ofError({ code: 403, data: { ...refusal, remediation: ERRORS.authz_policy_denied.remediation, details: { ...details, ...more } } }), 'trace', plain) ?? '';

  it('is ready to be run', () => {
    expect(said({})).toContain('agw policy eval --caller spiffe://poc.local/agents/a/dev --tool my_tool --method tools/call,');
    expect(said({ tool: '', method: 'tools/list' })).toContain('agw policy eval --caller spiffe://poc.local/agents/a/dev --method tools/list,');
  });

  it.each(['a;b', '$(a)', 'a b', '-a', '`a`', 'a\nb', '--json', '~a', 'ä'])('is left open where a name is %j', (tool) => {
    expect(said({ tool })).toContain('agw policy eval --caller ID --tool NAME --method METHOD,');
  });
});

describe('a notification', () => {
  it('of progress or of a log is one line, others are none', () => {
    expect(notificationText({ method: 'notifications/progress', params: { progress: 3, total: 10, message: 'read\ning' } })).toBe('progress 3/10: read\\u{a}ing');
    expect(notificationText({ method: 'notifications/progress', params: { progress: 3 } })).toBe('progress 3');
    expect(notificationText({ method: 'notifications/message', params: { level: 'warning', data: { slow: true } } })).toBe('log warning: {"slow":true}');
    expect([notificationText({ method: 'notifications/tools/list_changed' }), notificationText({ result: {} })]).toEqual([undefined, undefined]);
  });
});
