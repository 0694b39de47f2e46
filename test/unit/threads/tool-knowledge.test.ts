// What may be shown of a tool right now, judged by what was last seen and by what is served at this moment.
import { describe, expect, it } from 'vitest';
import { loadJsonGuard } from '../../../src/base/json/choose.js';
import { Observations } from '../../../src/engines/registry/observations.js';
import { parseRegistry } from '../../../src/engines/registry/registry-file.js';
import { createToolsReader } from '../../../src/engines/registry/served-tools.js';
import { createToolKnowledge } from '../../../src/threads/tool-knowledge.js';
import { toolText } from '../../support/gateway-in-process.js';

const URL_ONE = 'http://127.0.0.1:9/mcp';
const reader = createToolsReader(loadJsonGuard());
const text = toolText('one').replace(/\}$/, ',"annotations":{"readOnlyHint":true}}');
const served = reader.describeTool(text);
const registry = parseRegistry(`version: v2\ntools:\n  - name: one\n    description: d\n    upstream: ${URL_ONE}\n    hash: ${served.hashes.seed}\n    risk_level: low\n    input_schema: {type: object}\n`, 'r.yaml');
const tool = registry.tools.get('one');
if (tool === undefined) throw new Error('the tool is not registered');

function setUp(seen?: string) {
  const refreshed: string[] = [];
  const knowledge = createToolKnowledge((url) => {
    refreshed.push(url);
    return Promise.reject(new Error('down'));
  });
  const observations = new Observations({ registry, reader, restored: undefined, persist: () => undefined });
  if (seen !== undefined) observations.observe(URL_ONE, [reader.describeTool(text)], 1);
  if (seen !== undefined && seen !== text) observations.observe(URL_ONE, [reader.describeTool(seen)], 2);
  knowledge.observe(observations.snapshot(), [{ url: URL_ONE, state: 'up', modern: false, capabilities: { tools: {} }, instructions: undefined, tools: 1, verifiedMs: 1, error: undefined }]);
  return { knowledge, refreshed };
}

describe('a tool that is served', () => {
  it('is shown as it came when it is what was verified', () => {
    const { knowledge, refreshed } = setUp(text);
    expect([knowledge.presentable(tool, served), refreshed]).toEqual([text, []]);
  });

  it('is hidden when its hash is another now, before anybody has listed it, and a listing is asked for', () => {
    const { knowledge, refreshed } = setUp(text);
    expect([knowledge.presentable(tool, reader.describeTool(text.replace('of the tests', 'and more'))), refreshed]).toEqual([undefined, [URL_ONE]]);
  });

  it('stays hidden once it has changed, even when it is served as registered again', () => {
    const { knowledge } = setUp(text.replace('of the tests', 'and more'));
    expect([knowledge.stateOf(tool).kind, knowledge.presentable(tool, served)]).toEqual(['mismatch', undefined]);
  });

  it('loses members nobody has judged yet', () => {
    const { knowledge, refreshed } = setUp(text);
    const now = reader.describeTool(text.replace('"readOnlyHint":true', '"readOnlyHint":false'));
    expect(knowledge.presentable(tool, now)).toBe(toolText('one'));
    expect(refreshed).toEqual([URL_ONE]);
  });

  it('loses members that were seen to change since they were pinned', () => {
    const changed = text.replace('"readOnlyHint":true', '"readOnlyHint":false');
    const { knowledge } = setUp(changed);
    expect(knowledge.presentable(tool, reader.describeTool(changed))).toBe(toolText('one'));
  });

  it('is unknown on a server nobody has listed', () => {
    const { knowledge } = setUp();
    expect([knowledge.stateOf(tool).kind, knowledge.upstream('http://elsewhere/').state, knowledge.upstream(URL_ONE).state]).toEqual(['unknown', 'unknown', 'up']);
  });
});
