// The audit writer's thread: nothing else runs here, so that a commit may block it.
import { parentPort, workerData } from 'node:worker_threads';
import type { AuditWriterOptions, FromWriterThread, ToWriterThread } from '../audit/protocol.js';
import { realSurroundings } from '../audit/spawn-writer.js';
import { AuditWriter } from '../audit/writer.js';

const control = parentPort;
if (control === null) throw new Error('audit-writer runs as a worker thread of the gateway, not by itself.');

const writer = new AuditWriter(workerData as AuditWriterOptions, realSurroundings());

function tell(message: FromWriterThread): void {
  control?.postMessage(message);
}

writer.onHealth((health) => {
  tell({ kind: 'health', ...health });
});
control.on('message', (message: ToWriterThread) => {
  switch (message.kind) {
    case 'connect':
      writer.connect(message.port);
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
writer.open();
