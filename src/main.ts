// The process's entry. It loads the program behind it: a file of it that can't be read, for want of descriptors above all, is said and not thrown.
import { existsSync } from 'node:fs';
import { describeSystemFault } from './base/config/system-fault.js';
import { programOf } from './base/installation.js';

if (!existsSync(programOf('process'))) {
  process.stderr.write('not built yet: run make up (or npm run build) first\n');
  process.exit(1);
}
try {
  const { runProcess } = (await import(programOf('process').href)) as typeof import('./threads/process.js');
  await runProcess();
} catch (fault) {
  const said = describeSystemFault(fault);
  if (said === undefined) throw fault;
  process.stderr.write(`${said.message} ${said.remedy}\n`);
  process.exit(1);
}
