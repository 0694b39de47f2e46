// A planner as its data says: all is well, a fault of the sources, one of its own, or an end without a word.
import { parentPort, workerData } from 'node:worker_threads';

switch (workerData.root) {
  case 'well': parentPort.postMessage([]); break;
  case 'wrong': parentPort.postMessage([{ message: 'no such rule', file: 'a.rego', line: 3, column: 7, remedy: undefined }]); break;
  case 'breaks': throw new Error('broken by the test');
  default: process.exit(7);
}
