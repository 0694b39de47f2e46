// Which header line goes where, and that no repetition and no empty value hides one.
import { describe, expect, it } from 'vitest';
import { HeaderIntake, readHeaders } from '../../../src/front/inbound-headers.js';
import type { HttpRequest } from '../../../src/front/uws-types.js';

const MAY_BE_EMPTY = { accept: 'accept', 'content-type': 'contentType', 'last-event-id': 'lastEventId', traceparent: 'traceparent', tracestate: 'tracestate', host: 'host', upgrade: 'upgrade' } as const;
const NEVER_EMPTY = {
  authorization: 'authorization', 'x-spiffe-id': 'spiffeId', origin: 'origin', 'content-length': 'contentLength', 'transfer-encoding': 'transferEncoding',
  'mcp-session-id': 'mcpSessionId', 'mcp-protocol-version': 'mcpProtocolVersion', 'mcp-method': 'mcpMethod', 'mcp-name': 'mcpName',
} as const;
const ALL = Object.entries({ ...MAY_BE_EMPTY, ...NEVER_EMPTY });

function intakeOf(...lines: readonly (readonly [string, string])[]): HeaderIntake {
  return readHeaders({ forEach: (each: (name: string, value: string) => void) => lines.forEach(([name, value]) => each(name, value)) } as unknown as HttpRequest);
}

/** What differs from a request without headers. */
function told(intake: HeaderIntake): Record<string, unknown> {
  const none: Record<string, unknown> = { ...new HeaderIntake() };
  return Object.fromEntries(Object.entries(intake).filter(([field, value]) => Array.isArray(value) ? value.length > 0 : value !== none[field]));
}

describe('header lines', () => {
  it('have a place for every field, and every field a line', () => {
    const fields = Object.keys(new HeaderIntake()).filter((field) => field !== 'hostLines' && field !== 'headerless' && field !== 'forwarded');
    expect(ALL.map(([, field]) => field).sort()).toEqual(fields.sort());
  });
  it.each(ALL)('%s is read as %s alone, and joined when repeated', (name, field) => {
    const lines = name === 'host' ? { hostLines: 1 } : {};
    expect(told(intakeOf([name, 'a']))).toEqual({ [field]: 'a', ...lines });
    expect(told(intakeOf([name, 'a'], ['x-other', 'c'], [name, 'b']))).toEqual({ [field]: 'a, b', ...(name === 'host' ? { hostLines: 2 } : {}) });
  });
  it.each(Object.entries(NEVER_EMPTY))('an empty %s is not taken for none', (name, field) => {
    expect(told(intakeOf([name, '']))).toEqual({ [field]: '(unreadable)' });
    expect(told(intakeOf([name, 'a'], [name, '']))).toEqual({ [field]: 'a, (unreadable)' });
  });
  it.each(Object.keys(MAY_BE_EMPTY).filter((name) => name !== 'host'))('an empty %s is none', (name) => {
    expect(told(intakeOf([name, '']))).toEqual({});
  });
  it('of a Host are counted, empty ones too', () => {
    expect(told(intakeOf(['host', ''], ['host', 'a']))).toEqual({ host: 'a', hostLines: 2 });
  });
  it('are forwarded as they came if they begin with mcp- and are unknown', () => {
    expect(told(intakeOf(['mcp-param-b', '1'], ['x-mcp-param', '2'], ['mcp-param-a', ''], ['mcp-param-b', '3'], ['mcp', '4']))).toEqual({ forwarded: [['mcp-param-b', '1'], ['mcp-param-a', ''], ['mcp-param-b', '3']] });
  });
  it('are known by their whole name', () => {
    const strangers = ALL.flatMap(([name]) => [name.slice(0, -1), `${name}x`, `x${name}`, `${name.slice(0, -1)}~`]).filter((name) => !name.startsWith('mcp-'));
    expect(told(intakeOf(...strangers.map((name) => [name, 'a'] as const)))).toEqual({});
  });
});
