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

function faultsOf(text: string): string[] {
  try {
    parseYamlWithLines(text, 'f.yaml');
    return [];
  } catch (error) {
    return error instanceof ConfigFault ? describeFault(error).split('\n') : [String(error)];
  }
}

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

  it.each([
    ['a tab', 'a:\n\tb: 1\n', 'f.yaml:2:1: a tab', 'spaces'],
    ['a second document', 'a: 1\n---\nb: 2\n', 'f.yaml:2:1: a second document', 'one document'],
    ['an open quote', 'a: "x\n', 'f.yaml:2:1: the quote (")', 'Close it'],
    ['an alias of nothing', 'a: 1\nb: *nope\n', 'f.yaml:2:4: there is no anchor &nope', 'in quotes'],
    ['a NUL', 'a: 1\nb: \0\n', 'f.yaml:2:4: a NUL', 'Remove it'],
    ['a byte of another encoding', Buffer.from('a: 1\nb: \u00e9\n', 'latin1').toString(), 'f.yaml:2:4: a byte', 'UTF-8'],
    ['UTF-16', Buffer.from('\ufeffa: 1\n', 'utf16le').toString(), 'f.yaml: the file is not UTF-8', 'Save it'],
  ])('says of %s where it stands, and what to do', (_what, text, told, remedy) => {
    const [fault = '', ...others] = faultsOf(text);
    expect(fault.startsWith(told)).toBe(true);
    expect(fault).toContain(remedy);
    expect(others).toEqual([]);
  });

  it('takes a byte order mark, and an alias of what is there', () => {
    expect(faultsOf('\ufeffa: &x 1\nb: *x\n')).toEqual([]);
  });

  it('names a key that stands twice, where both stand, and the entry around them', () => {
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
