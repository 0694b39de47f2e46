// The Python SDK's integrations: their own tests, in an environment with the newest versions of the frameworks, and in one with the oldest that the extras allow.
import { join } from 'node:path';
import { ROOT, run } from '../../../scripts/run-command.mjs';
import { pythonProgram } from './install.mjs';

const SDK = join(ROOT, 'sdk', 'python');
const FOLDERS = ['src/mcp_gateway_sdk/integrations', 'tests/integrations', 'examples/integrations'];
const FRAMEWORKS = ['langchain-core', 'openai-agents', 'pydantic-ai-slim'];
const VERSIONS = `import json, importlib.metadata as m; print(json.dumps({n: m.version(n) for n in ${JSON.stringify(FRAMEWORKS)}}))`;

/** @param {string} kind @param {boolean} withTypes */
async function tested(kind, withTypes) {
  const python = (...words) => run(pythonProgram(kind), words, { cwd: SDK, env: { MYPYPATH: 'src' } });
  const versions = JSON.parse((await python('-c', VERSIONS)).output);
  const { code, output } = await python('-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'tests/integrations');
  const summary = output.trim().split('\n').at(-1) ?? '';
  // One that was left out was not tried.
  const isWhole = code === 0 && /^\d+ passed in /.test(summary);
  const types = withTypes ? await python('-m', 'mypy', '--config-file=', '--strict', '--follow-imports=silent', `--cache-dir=${join(ROOT, '.precinct', 'mypy')}`, ...FOLDERS) : undefined;
  return {
    outcomes: { tests: isWhole ? 'yes' : `no: ${summary}`, ...(types === undefined ? {} : { types: types.code === 0 ? 'yes' : `no: ${types.output.trim().split('\n').at(0)}` }) },
    seen: { versions, passed: Number.parseInt(summary, 10) },
  };
}

export const INTEGRATIONS = [
  { name: 'newest', kind: 'python', work: () => tested('python', true) },
  { name: 'oldest', kind: 'integrations-lowest', work: () => tested('integrations-lowest', false) },
];
