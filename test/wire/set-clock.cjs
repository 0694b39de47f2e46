// Loaded into every thread of a gateway under test (node --require): its clock is set by as much as a file in the project says. What counts on by itself goes on.
const { existsSync, readFileSync } = require('node:fs');

const FILE = 'clock-set-by-ms';
const LOOK_EVERY_MS = 20;

const systemMs = Date.now;
let setByMs = 0;
Date.now = () => systemMs() + setByMs;
setInterval(() => {
  if (existsSync(FILE)) setByMs = Number(readFileSync(FILE, 'utf8')) || 0;
}, LOOK_EVERY_MS).unref();
