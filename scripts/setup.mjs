// Everything between a fresh clone and a gateway that can start. Harmless and quick when nothing changed.
import { pathToFileURL } from 'node:url';
import { buildAll } from './build.mjs';
import { installNpmPackages } from './npm-packages.mjs';
import { runScript } from './say.mjs';
import { checkNode, installSystemPackages } from './system-packages.mjs';

export async function setUp() {
  checkNode();
  installSystemPackages();
  await installNpmPackages();
  await buildAll();
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await runScript(setUp);
