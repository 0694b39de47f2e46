// Loaded into every thread of a gateway under test (node --require): its clock stands still, however long a test takes, until the test sets it on with a file in the project.
const { existsSync, readFileSync } = require('node:fs');
const { performance } = require('node:perf_hooks');
const { workerData } = require('node:worker_threads');

const FILE = 'still-clock-ms';
const LOOK_EVERY_MS = 20;

const BEGAN = Number(process.env['STILL_CLOCK_MS']);
let now = BEGAN;
Date.now = () => now;
// What limits count by, alike on every gateway thread. The log's writer measures its waits by it: of its thread it goes on.
if (workerData !== null && typeof workerData === 'object' && 'owner' in workerData) performance.now = () => now - BEGAN;
setInterval(() => {
  if (existsSync(FILE)) now = Number(readFileSync(FILE, 'utf8')) || now;
}, LOOK_EVERY_MS).unref();
