// Completion scripts: bash really completes with ours.
import { spawnSync } from 'node:child_process';
import { afterAll, describe, expect, it } from 'vitest';
import { followers } from '../../../src/cli/commands/completion.js';
import { COMMANDS } from '../../../src/cli/index.js';
import { openBench } from './cli-fixture.js';

const bench = openBench();
afterAll(() => bench.close());

describe('completion', () => {
  it.each([
    [['agw', 'st'], ['status']],
    [['agw', 'audit', ''], ['search', 'verify', 'tail', 'explain']],
    [['agw', 'audit', 'search', '--ca'], ['--caller']],
    [['agw', 'completion', ''], ['bash', 'zsh', 'fish']],
  ])('in bash completes %j', async (words, offered) => {
    const { out } = await bench.agw(['completion', 'bash']);
    const script = `${out}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _agw; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, status } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout.trim().split('\n')).toEqual(expect.arrayContaining(offered));
  });

  it.each(['zsh', 'fish'])('for %s names every command', async (shell) => {
    const { out } = await bench.agw(['completion', shell]);
    for (const { path } of COMMANDS) expect(out).toContain(path.split(' ').at(-1));
  });

  it('knows the options of every command', () => {
    const found = followers(COMMANDS);
    expect(found.get('policy eval')).toEqual(expect.arrayContaining(['--caller', '--offline', '--json', '--help']));
  });
});
