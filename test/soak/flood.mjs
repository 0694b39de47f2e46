// A flood of strangers: node test/soak/flood.mjs --requests 100000
import { runLong } from './run-long.mjs';

runLong('flood.test.ts', { requests: 'FLOOD_REQUESTS' });
