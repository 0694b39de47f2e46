// When the writer works and how it waits. In a thread of its own it blocks while lines come, and goes back to its event loop for messages, timers, and when all is quiet.
import { Sleeper } from './bell.js';
import type { AuditConnection } from './protocol.js';
import type { AuditWriter, WriterSurroundings } from './writer.js';

/** How long the writer's own thread stays out of its event loop: the end of a gateway thread, and a wake-up that died with one, are noticed this late. */
export const THREAD_SLICE_MS = 100;

export class WriterLoop {
  readonly #writer: AuditWriter;
  readonly #sleeper: Sleeper;
  readonly #around: WriterSurroundings;
  readonly #sliceMs: number;
  #scheduled = false;

  /** `sliceMs` 0: never sleeps but in the event loop, for a writer that shares its thread. */
  constructor(writer: AuditWriter, bell: SharedArrayBuffer, around: WriterSurroundings, sliceMs: number) {
    this.#writer = writer;
    this.#sleeper = new Sleeper(bell);
    this.#around = around;
    this.#sliceMs = sliceMs;
    this.wake();
  }

  connect({ port, lane }: AuditConnection): void {
    this.#writer.connect(port, lane);
    port.on('message', () => this.wake());
    port.on('close', () => {
      this.#writer.disconnect(port);
      this.wake(); // the message that it owed after its ring may have died with it
    });
    this.wake();
  }

  wake(): void {
    this.#sleeper.wake();
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#run();
    });
  }

  #run(): void {
    const waiting = (): boolean => this.#writer.waiting;
    const endMs = this.#around.steadyMs() + this.#sliceMs;
    let hurried = false;
    for (;;) {
      hurried = this.#sleeper.asked() || hurried;
      const dueMs = this.#writer.turn(hurried);
      if (dueMs !== Infinity && dueMs > 0) {
        // Lines that come meanwhile share the next commit.
        if (hurried) this.#around.pauseMs(dueMs);
        else this.#sleeper.gather(dueMs, () => !this.#writer.waiting);
        continue;
      }
      hurried = false;
      const leftMs = endMs - this.#around.steadyMs();
      if (this.#sleeper.called() || leftMs <= 0) break;
      if (dueMs === 0) continue;
      if (!this.#writer.healthy) break; // the next try is a timer's
      this.#sleeper.doze(leftMs, waiting);
    }
    if (!this.#sleeper.rest(waiting)) this.wake();
  }
}
