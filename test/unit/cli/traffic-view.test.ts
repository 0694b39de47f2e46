// One line per request, and the sum of them.
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { TrafficSum, trafficCells, trafficFacts, trafficTable } from '../../../src/cli/traffic-view.js';

const allowed = { timestamp: '2026-11-28T10:11:53.019123Z', spiffe_id: 'spiffe://poc.local/agents/mcp-client/my-agent/dev', method: 'tools/call', tool: 'my_tool', decision: 'ALLOW', code: null, latency_us: 1234.5, status: 200, decision_id: 'd1' };
const denied = { ...allowed, tool: 'bash', decision: 'DENY', code: 'authz_policy_denied', status: 403, latency_us: 500, decision_id: 'd2' };
const flood = { timestamp: '2026-11-28T10:11:54.000000Z', decision: 'DENY', code: 'auth_missing_identity', status: 401, repeated: 7 };

describe('a request', () => {
  it('is a short line: the agent, the code with its step, milliseconds', () => {
    expect(trafficCells(allowed)).toEqual(['10:11:53.019', 'my-agent/dev', 'tools/call', 'my_tool', 'ALLOW', '', '', '200', '1.2']);
    expect(trafficCells(denied)).toEqual(['10:11:53.019', 'my-agent/dev', 'tools/call', 'bash', 'DENY', '6', 'authz_policy_denied', '403', '0.5']);
    expect(trafficCells(flood)).toEqual(['10:11:54.000', 'unidentified', '', '', 'DENY ×7', '3', 'auth_missing_identity', '401', '']);
  });

  it('for machines has the layer by number and name', () => {
    expect(trafficFacts(denied)).toEqual({ time: denied.timestamp, caller: denied.spiffe_id, method: 'tools/call', tool: 'bash', decision: 'DENY', code: 'authz_policy_denied', step: 6, layer: 'opa_policy', latency_us: 500, status: 403, decision_id: 'd2', requests: 1 });
  });

  it('fits a terminal of 80 columns in one line, and steers it nowhere', () => {
    const table = trafficTable({ width: 80, colors: pc.createColors(false) });
    const row = table.row(trafficCells({ ...denied, tool: `x\u001b[2J\n${'y'.repeat(200)}` }));
    expect([row.length <= 80, row.includes('\u001b'), row.includes('\n')]).toEqual([true, false, false]);
  });
});

it('columns of rows that are known are as wide from the head on', () => {
  const rows = [allowed, { ...denied, method: 'notifications/initialized', tool: 'a_tool_with_a_long_name' }].map(trafficCells);
  const table = trafficTable({ width: Infinity, colors: pc.createColors(false) }, rows);
  const [head = '', ...lines] = [table.head, ...rows.map(table.row)];
  expect(lines.map((line) => line.slice(head.indexOf('DECISION')).split(' ', 1)[0])).toEqual(['ALLOW', 'DENY']);
});

describe('the sum', () => {
  it('counts requests, not lines, by decision and code', () => {
    const sum = new TrafficSum();
    for (const line of [allowed, denied, denied, flood]) sum.add(line);
    expect(sum.text(8)).toBe('10 requests shown: 1 allowed, 9 denied; auth_missing_identity 7, authz_policy_denied 2; 0.7 ms on average, 1.2 ms at most; followed for 8 s');
    expect(new TrafficSum().text(undefined)).toBe('0 requests shown: 0 allowed, 0 denied');
  });
});
