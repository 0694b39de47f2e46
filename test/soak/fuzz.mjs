// Fuzzed requests: node test/soak/fuzz.mjs --requests 1000000 [--seed 42]. Without a seed it draws one, and prints it.
import { runLong } from './run-long.mjs';

if (!process.argv.includes('--seed')) process.argv.push('--seed', String(1 + Math.floor(Math.random() * 0x3fffffff)));
runLong('fuzz.test.ts', { requests: 'FUZZ_REQUESTS', seed: 'FUZZ_SEED' });
