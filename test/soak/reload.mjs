// Reloads under load, and what they cost in memory: node test/soak/reload.mjs --minutes 10
import { runLong } from './run-long.mjs';

runLong('reload.test.ts', { minutes: 'RELOAD_MINUTES' });
