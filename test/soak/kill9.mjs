// kill -9 under load: node test/soak/kill9.mjs --rounds 100 [--seconds 1.5]
import { runLong } from './run-long.mjs';

runLong('kill9.test.ts', { rounds: 'SOAK_ROUNDS', seconds: 'SOAK_SECONDS' });
