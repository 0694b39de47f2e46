// The audit writer's thread: nothing else runs here, so that a commit may block it.
import { parentPort, workerData } from 'node:worker_threads';
import type { FromWriterThread, ToWriterThread, WriterThreadData } from '../audit/protocol.js';
import { realSurroundings } from '../audit/spawn-writer.js';
import { AuditWriter } from '../audit/writer.js';
import { THREAD_SLICE_MS, WriterLoop } from '../audit/writer-loop.js';

const control = parentPort;
if (control === null) throw new Error('audit-writer runs as a worker thread of the gateway, not by itself.');

const { options, bell } = workerData as WriterThreadData;
const around = realSurroundings();
const writer = new AuditWriter(options, around);

function tell(message: FromWriterThread): void {
  control?.postMessage(message);
}

writer.onHealth((health) => {
  tell({ kind: 'health', ...health });
});
writer.open();
const loop = new WriterLoop(writer, bell, around, THREAD_SLICE_MS);
control.on('message', (message: ToWriterThread) => {
  loop.wake(); // its ring may have been the only one
  switch (message.kind) {
    case 'connect':
      loop.connect(message.connection);
      return;
    case 'status':
      tell({ kind: 'status', id: message.id, status: writer.status() });
      return;
    case 'close':
      writer.close();
      control.close();
      return;
  }
});
