// Places in YAML.
import { describe, expect, it } from 'vitest';
import { ConfigFault, describeFault } from '../../../../src/base/config/fault.js';
import { parseYamlWithLines } from '../../../../src/base/config/yaml-lines.js';

const TEXT = `# a comment
tools:
  - name: a
    tags: [x, y]
  - name: b
`;

describe('a YAML file with lines', () => {
  const yaml = parseYamlWithLines(TEXT, 'f.yaml');

  it('finds values, keys and list entries', () => {
    expect(yaml.placeOf(['tools', 1, 'name'])).toEqual({ line: 5, column: 11 });
    expect(yaml.placeOfKey(['tools', 0, 'tags'])).toEqual({ line: 4, column: 5 });
    expect(yaml.placeOf(['tools', 0, 'tags', 1])).toEqual({ line: 4, column: 15 });
  });

  it('answers the nearest parent for what is not there', () => {
    expect(yaml.placeOf(['tools', 1, 'hash']).line).toBe(5);
    expect(yaml.placeOf(['nothing', 'at', 'all']).line).toBe(2);
  });

  it('names a key that stands twice, where both stand, and the entry around them', () => {
    const faultsOf = (text: string): string[] => {
      try {
        parseYamlWithLines(text, 'f.yaml');
        return [];
      } catch (error) {
        return error instanceof ConfigFault ? describeFault(error).split('\n') : [String(error)];
      }
    };
    const [inTool = '', inMap = '', atTop = '', ...others] = faultsOf(`${TEXT}    required_scope: a\n    input_schema:\n      x: 1\n      "x": 2\n    required_scope: b\ntools: []\n`);
    for (const [told, place, ...words] of [[inTool, 'f.yaml:9:7', 'x', ' b,', 'line 8'], [inMap, 'f.yaml:10:5', 'required_scope', ' b,', 'line 6'], [atTop, 'f.yaml:11:1', 'tools', 'line 2']] as const) {
      expect(told.startsWith(`${place}: `)).toBe(true);
      for (const word of words) expect(told).toContain(word);
    }
    expect(others).toEqual([]);
    expect(faultsOf(`a: {${'k: 1, '.repeat(100)}}`)).toHaveLength(99);
  });

  it('gives line 1 for an empty file', () => {
    expect(parseYamlWithLines('', 'f').placeOf(['a'])).toEqual({ line: 1, column: 1 });
  });
});
