// make clean: stops both processes and removes what was built. State (.precinct: audit log, keys) stays; make clean never destroys evidence.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { installation } from './installation.mjs';
import { stop } from './processes.mjs';
import { ROOT } from './run-command.mjs';
import { done, runScript } from './say.mjs';

await runScript(async () => {
  const { gateway, demo, stateDir } = installation();
  for (const process of [gateway, demo]) await stop(process.pidFile, process.part);
  for (const path of ['dist', join('sdk', 'typescript', 'dist'), join('native', 'build'), 'node_modules', 'coverage']) rmSync(join(ROOT, path), { recursive: true, force: true });
  done(`removed what was built; state is kept in ${stateDir}`);
});
