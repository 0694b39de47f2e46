import { configDefaults, defineConfig } from 'vitest/config';

// Folders whose files keep nothing in a module from one test to the next: they share their workers, and with them what was imported. A worker anew
// for each of their files took a quarter of a second of both cores more, over a minute in all.
const SHARED = ['base', 'chain', 'cli', 'control', 'engines', 'front', 'jobs', 'layers', 'mcp', 'response', 'threads', 'upstream'].map((folder) => `test/unit/${folder}/**/*.test.ts`);

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/kept-cache.ts'],
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'apart', include: ['test/**/*.test.ts', 'sdk/typescript/test/**/*.test.ts'], exclude: [...configDefaults.exclude, ...SHARED] } },
      { extends: true, test: { name: 'shared', include: SHARED, isolate: false } },
    ],
  },
});
