// Loaded into every thread of a gateway under test (node --require): its clock stands still, however long a test takes, until the test sets it on with a file in the project.
const { existsSync, readFileSync } = require('node:fs');

const FILE = 'still-clock-ms';
const LOOK_EVERY_MS = 20;

let now = Number(process.env['STILL_CLOCK_MS']);
Date.now = () => now;
setInterval(() => {
  if (existsSync(FILE)) now = Number(readFileSync(FILE, 'utf8')) || now;
}, LOOK_EVERY_MS).unref();
