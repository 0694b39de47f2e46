// Loaded into every thread of a gateway under test (node --require): breaks a gateway thread, or the audit writer's, when a file in the project asks for it.
const { existsSync, rmSync } = require('node:fs');
const { workerData } = require('node:worker_threads');

const LOOK_EVERY_MS = 20;
const STALL_MS = 2500;

if (workerData !== null && typeof workerData === 'object' && 'owner' in workerData) {
  const { index } = workerData;
  setInterval(() => {
    if (takeFile(`crash-${index}`)) throw new Error('broken by the test');
    if (takeFile(`exit-${index}`)) process.exit(7);
    if (takeFile(`hang-${index}`)) for (;;);
    if (takeFile(`fill-${index}`)) for (let held = []; ; held = [held, new Array(1000).fill(held)]);
    if (takeFile(`stall-${index}`)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STALL_MS);
  }, LOOK_EVERY_MS).unref();
}

if (workerData !== null && typeof workerData === 'object' && 'options' in workerData && 'bell' in workerData) {
  setInterval(() => {
    if (takeFile('crash-writer')) throw new Error('broken by the test');
    if (takeFile('exit-writer')) process.exit(7);
  }, LOOK_EVERY_MS).unref();
}

function takeFile(path) {
  if (!existsSync(path)) return false;
  rmSync(path);
  return true;
}
