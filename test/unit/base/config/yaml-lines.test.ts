// Places in YAML.
import { describe, expect, it } from 'vitest';
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

  it('gives line 1 for an empty file', () => {
    expect(parseYamlWithLines('', 'f').placeOf(['a'])).toEqual({ line: 1, column: 1 });
  });
});
