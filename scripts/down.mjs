// make down: stops the gateway, then the demo server, by their pids.
import { rmSync } from 'node:fs';
import { installation } from './installation.mjs';
import { stop } from './processes.mjs';
import { done, runScript, say } from './say.mjs';

await runScript(async () => {
  const { gateway, demo } = installation();
  for (const process of [gateway, demo]) {
    if (await stop(process.pidFile, process.part)) done(`stopped ${process.what}`);
    else say(`  ${process.what} was not running`);
  }
  rmSync(gateway.buildFile, { force: true });
});
