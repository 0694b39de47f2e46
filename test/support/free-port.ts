// The one way to a free port, typed.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Ports {
  readonly freePort: (draw?: (from: number, below: number) => number) => Promise<number>;
  readonly serverPorts: (range: string | undefined) => readonly [number, number];
}

export const { freePort, serverPorts } = (await import(pathToFileURL(join(import.meta.dirname, '..', '..', 'bench', 'support', 'ports.mjs')).href)) as Ports;
