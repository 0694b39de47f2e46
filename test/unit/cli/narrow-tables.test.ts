// Tables on a terminal of 40 columns: what says how it was decided is there, and no line is longer.
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { followedTable, recordTable } from '../../../src/cli/audit-table.js';
import { layersTable } from '../../../src/cli/commands/inspect.js';
import { trafficCells, trafficTable } from '../../../src/cli/traffic-view.js';

const LINE = {
  timestamp: '2026-11-30T11:16:41.294Z', spiffe_id: 'spiffe://poc.local/agents/mcp-client/my-agent/dev', method: 'tools/call', tool: 'a_tool_with_a_long_name', decision: 'DENY', code: 'registry_tool_unverified',
  status: 403, latency_us: 1234.5, layers_traversed: [], decision_id: 'd-1', details: { file: 'config/identities.yaml', message: 'unknown key' }, event: 'reload_refused', type: 'request',
};
const at = (width: number) => ({ width, colors: pc.createColors(false) });
const longest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));

describe.each([40, 50, 63, 64, 77])('%i columns', (width) => {
  const layers = { layers: [{ step: 5, name: 'tool_registry_verify', pass: 12345, flag: 0, deny: 12, fault: 0, skipped: 0, mean_us: 1234.5, max_us: 99999.9 }] };
  const traffic = trafficTable(at(width));
  const followed = followedTable('request', at(width));

  it.each<[string, string, string]>([
    ['agw audit search', recordTable([{ line: LINE } as never], 'request', false, at(width)), 'DENY'],
    ['agw audit search --type event', recordTable([{ line: LINE } as never], 'event', false, at(width)), 'reload'],
    ['agw audit tail', `${followed.head}\n${followed.row(LINE)}`, 'DENY'],
    ['agw inspect layers', layersTable(layers, false, at(width)), 'tool_registry_verify'],
    ['agw inspect traffic', `${traffic.head}\n${traffic.row(trafficCells(LINE))}`, 'DENY'],
  ])('%s', (_, shown, holds) => {
    expect(longest(shown)).toBeLessThanOrEqual(width);
    expect(shown).toContain(holds);
  });
});
