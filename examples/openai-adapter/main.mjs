// An OpenAI-style endpoint whose tools are the gateway's: `node examples/openai-adapter/main.mjs CONFIG.json`. See README.md.
import { ConfigurationError } from '@precinct/sdk';
import { ConfigError, loadConfig } from './config.mjs';
import { startAdapter } from './server.mjs';

const log = (/** @type {string} */ line) => void process.stderr.write(`openai-adapter: ${line}\n`);

const [file] = process.argv.slice(2);
if (file === '--help' || file === '-h') {
  process.stdout.write('Usage: node examples/openai-adapter/main.mjs CONFIG.json\nadapter.example.json beside it is one; README.md says what is in it.\n');
} else if (file === undefined) {
  log('say which configuration: node examples/openai-adapter/main.mjs CONFIG.json');
  process.exitCode = 2;
} else {
  try {
    const adapter = await startAdapter(loadConfig(file, process.env), log);
    log(`listening: ${adapter.url}`);
    for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void adapter.close());
  } catch (fault) {
    const isUsual = fault instanceof ConfigError || fault instanceof ConfigurationError || /** @type {NodeJS.ErrnoException} */ (fault).code === 'EADDRINUSE';
    log(isUsual ? /** @type {Error} */ (fault).message : String(/** @type {Error} */ (fault).stack));
    process.exitCode = 2;
  }
}
