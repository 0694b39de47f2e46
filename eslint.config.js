// What the type checker can't refuse: the habits of DESIGN section 5 that a rule can check.
import tseslint from 'typescript-eslint';

const CLOCK_AND_CHANCE = [
  { object: 'Date', property: 'now', message: 'The clock is passed in (base/clock).' },
  { object: 'Math', property: 'random', message: 'Chance is passed in, and comes from node:crypto (base/ids).' },
];
const ENVIRONMENT = { object: 'process', property: 'env', message: 'Only base/config reads the environment.' };

const NODE_GLOBALS = ['AbortController', 'AbortSignal', 'Atomics', 'Buffer', 'Headers', 'Request', 'Response', 'SharedArrayBuffer', 'TextDecoder', 'TextEncoder', 'URL', 'WebAssembly', 'WebSocket', 'clearInterval',
  'clearTimeout', 'console', 'fetch', 'performance', 'process', 'queueMicrotask', 'setImmediate', 'setInterval', 'setTimeout', 'structuredClone'];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'native/build/', 'native/rego/target/', 'coverage/', '.precinct/', '**/dist/', 'sdk/python/', 'sdk/go/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'off' }, // directives may also name rules of an editor's own configuration
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/ban-ts-comment': ['error', { 'ts-expect-error': 'allow-with-description' }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      'eqeqeq': 'error',
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true, namedFrom: true, namespaceFrom: true } }],
      'no-restricted-properties': ['error', ...CLOCK_AND_CHANCE, ENVIRONMENT],
    },
  },
  {
    files: ['sdk/typescript/src/**/*.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true, namedFrom: true, namespaceFrom: true } }],
      'no-restricted-properties': ['error', ...CLOCK_AND_CHANCE, ENVIRONMENT],
    },
  },
  { files: ['sdk/typescript/src/surroundings.ts', 'sdk/typescript/src/environment.ts'], rules: { 'no-restricted-properties': 'off' } },
  { files: ['src/base/**/*.ts'], rules: { 'no-restricted-properties': ['error', ENVIRONMENT] } },
  { files: ['src/base/config/**/*.ts'], rules: { 'no-restricted-properties': ['error', ...CLOCK_AND_CHANCE] } },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: Object.fromEntries(NODE_GLOBALS.map((name) => [name, 'readonly'])) },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: { eqeqeq: 'error', 'no-eval': 'error', 'no-undef': 'error', 'no-unused-vars': 'error', 'no-var': 'error', 'prefer-const': 'error' },
  },
);
