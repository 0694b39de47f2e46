// Tool servers as a person reads them.
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { upstreamCard, upstreamNotes, upstreamTable } from '../../../src/cli/upstreams-view.js';

const colors = pc.createColors(false);
const well = {
  url: 'http://u/mcp', state: 'up', since: '2026-11-28T10:00:00.000Z', error: null, listed_at: '2026-11-28T10:05:00.000Z', tried_at: '2026-11-28T10:05:00.000Z', list_ms: 12.34, era: 'modern', protocol_version: '2026-07-28', versions: ['2026-07-28', '2025-11-25'],
  server: { name: 's', version: '2' }, capabilities: { tools: {}, prompts: {} }, has_instructions: true, tools: { served: 3, registered: 3, verified: 3, mismatch: 0, absent: 0, unknown: 0, unregistered: 0, changed_tools: [], absent_tools: [] }, breakers: [], load: { requests: 9, under_way: 1, connections: 2 },
};
const ill = {
  ...well, url: 'http://v/mcp', state: 'down', error: 'connection refused', tools: { ...well.tools, verified: 1, mismatch: 1, absent: 1, changed_tools: ['echo'], absent_tools: ['gone'] },
  breakers: [{ tool: 'echo', state: 'open', until: '2026-11-28T10:06:00.000Z' }, { tool: 'gone', state: 'half_open' }, { tool: 'third', state: 'closed', failures: 2 }],
};

describe('a tool server', () => {
  it('is one row', () => {
    const [, first = '', second = ''] = upstreamTable([well, ill], { width: Infinity, colors }).split('\n');
    expect(first.split(/ {2,}/)).toEqual(['http://u/mcp', 'up', '2026-11-28 10:00:00.000Z', '2026-07-28', 's 2', '3 of 3', '12.3 ms', 'closed', '9', '2']);
    expect(second).toContain('1 open, 1 half-open');
  });

  it('that is well needs no note; one that is not has what is wrong and what to do', () => {
    expect(upstreamNotes(well, colors)).toEqual([]);
    const notes = upstreamNotes(ill, colors).join('\n');
    for (const part of ['connection refused', 'agw tools diff echo', 'agw tools diff gone', 'circuit_open']) expect(notes).toContain(part);
  });

  it('that is a process says why it ended the last time, and what of it to look at', () => {
    const ended = { ...ill, url: 'stdio:notes', error: 'the server ended, and is not started again yet', process: { instance: 'shared', pids: [], ended: 2, last_end: { reason: 'its KEY is $ENV{KEY}, and the gateway has no such variable', at: '2026-11-28T10:05:00.000Z' } } };
    const [first = ''] = upstreamNotes(ended, colors);
    for (const part of ['not started again yet', 'ended by itself 2 times', 'the gateway has no such variable', 'Run its command by hand']) expect(first).toContain(part);
    expect(upstreamCard(ended, colors)).toContain('the gateway has no such variable');
    expect(upstreamCard(well, colors)).not.toContain('process');
  });

  it('that serves more than is registered is no warning, and its remedy registers one tool, not all', () => {
    const more = { ...well, tools: { ...well.tools, served: 14, unregistered: 11 } };
    expect(upstreamNotes(more, colors)).toEqual(['· http://u/mcp: served, and not registered: 11\n  → agw tools add --from http://u/mcp NAME']);
  });

  it('never listed is said to be so, and steers no terminal by its name', () => {
    const unknown = { ...well, state: 'unknown', since: null, listed_at: null, tried_at: null, list_ms: null, era: null, protocol_version: null, versions: [], server: { name: 'x\u001b[2J', version: '' } };
    expect(upstreamNotes(unknown, colors).join('')).toContain('not listed yet');
    const card = upstreamCard(unknown, colors);
    expect(card).toContain('never');
    expect(card).not.toContain('\u001b');
  });

  it('is shown with all that is known', () => {
    for (const part of ['2026-07-28, 2025-11-25', 'tools, prompts', '3 registered', '9 requests sent, 1 under way, 2 connections']) expect(upstreamCard(well, colors)).toContain(part);
    for (const part of ['echo open until 2026-11-28 10:06:00.000Z', 'third closed after 2 failures']) expect(upstreamCard(ill, colors)).toContain(part);
  });
});
