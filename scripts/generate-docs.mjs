// Writes the generated files from what is built in dist/; --check only compares, --gateway-yaml also rewrites config/gateway.yaml.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = dirname(import.meta.dirname);
const dist = process.env.AGW_DIST ?? join(root, 'dist');
const load = (path) => import(pathToFileURL(join(dist, path)).href);

const { COMMANDS, GROUPS } = await load('cli/index.js');
const { generatedFiles } = await load('cli/documents/all.js');
const files = new Map(generatedFiles(COMMANDS, GROUPS));
if (process.argv.includes('--gateway-yaml')) {
  const { gatewayYaml } = await load('cli/documents/gateway-yaml.js');
  files.set('config/gateway.yaml', gatewayYaml());
}

const stale = [...files].filter(([path, text]) => !existsSync(join(root, path)) || readFileSync(join(root, path), 'utf8') !== text);
for (const [path, text] of stale) {
  if (process.argv.includes('--check')) console.error(`${path} is stale: node scripts/generate-docs.mjs`);
  else {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    console.log(`wrote ${path}`);
  }
}
if (process.argv.includes('--check') && stale.length > 0) process.exitCode = 1;
