// Every generated file of the project: its path, and its text as the sources say it now.
import type { CommandSpec } from '../command.js';
import type { GroupSpec } from '../program.js';
import { boundsPage } from './bounds.js';
import { configJsonSchema } from './config-keys.js';
import { cliPage, configurationPage, errorCodesPage, NOTICE } from './pages.js';
import { sdkErrorFiles } from './sdk-errors.js';

/** config/gateway.yaml is not among them: an operator edits it; its keys and reasons are compared instead. */
export function generatedFiles(commands: readonly CommandSpec[], groups: readonly GroupSpec[]): ReadonlyMap<string, string> {
  return new Map([
    ['docs/configuration.md', configurationPage()],
    ['docs/error-codes.md', errorCodesPage()],
    ['docs/bounds.md', boundsPage(NOTICE)],
    ['docs/cli.md', cliPage(commands, groups)],
    ['config/schema/gateway.schema.json', `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`],
    ...sdkErrorFiles(),
  ]);
}

