// References in client files: what they stand for, and that other texts with such characters stay.
import { expect, it } from 'vitest';
import { resolved, soleVariable, variableName, type Folders } from '../../../../src/cli/import/references.js';

const FOLDERS: Folders = { home: '/h', folder: '/p', bare: false, variable: (name) => (name === 'TOKEN' ? 'abc' : undefined) };
const BARE: Folders = { ...FOLDERS, bare: true };

it.each([
  ['${TOKEN}', 'abc'], ['${env:TOKEN}', 'abc'], ['Bearer ${env:TOKEN}', 'Bearer abc'], ['${NONE:-else}', 'else'], ['${TOKEN:-else}', 'abc'], ['${workspaceFolder}/x', '/p/x'], ['${workspaceFolder:app}', '/p'], ['${userHome}${/}x', '/h/x'], ['pa$$word$TOKEN', 'pa$$word$TOKEN'], ['${a-b}', '${a-b}'],
])('%s is %s', (text, is) => {
  expect(resolved(text, FOLDERS)).toMatchObject({ text: is, missing: [] });
});

it('takes a name without braces where the client does', () => {
  expect(resolved('x-$TOKEN', BARE)).toMatchObject({ text: 'x-abc', used: ['TOKEN'] });
  expect([soleVariable('$TOKEN', BARE), soleVariable('$TOKEN', FOLDERS)]).toEqual(['TOKEN', undefined]);
});

it('names what has no value', () => {
  expect(resolved('${env:A} ${input:my-key}', FOLDERS).missing).toEqual(['A', 'MY_KEY']);
});

it.each([['${env:TOKEN}', 'TOKEN'], ['${TOKEN:-x}', 'TOKEN'], ['${input:github-token}', 'GITHUB_TOKEN'], ['Bearer ${TOKEN}', undefined], ['${workspaceFolder}', undefined], ['TOKEN', undefined]])('%s alone is the variable %s', (text, name) => {
  expect(soleVariable(text, FOLDERS)).toBe(name);
});

it.each([['my server_Authorization', 'MY_SERVER_AUTHORIZATION'], ['9lives', '_9LIVES'], ['---', '_']])('makes a variable\'s name of %s', (text, name) => {
  expect(variableName(text)).toBe(name);
});
