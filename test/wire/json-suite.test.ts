// JSONTestSuite's n_ texts over the wire: each is refused with the code the specs give it, and nothing reaches a tool server.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type GatewayProcess } from '../support/gateway-process.js';

const SUITE = fileURLToPath(new URL('../../../shared/data/json/test_parsing', import.meta.url));
const TOO_DEEP = new Set(['n_structure_100000_opening_arrays.json', 'n_structure_open_array_object.json']);

describe.skipIf(!existsSync(SUITE))('JSONTestSuite over the wire (skipped where ../shared/data is absent)', () => {
  let gateway: GatewayProcess;

  beforeAll(async () => {
    gateway = await startGateway({ config: { audit: { unidentified_per_second: 100_000 } } });
  });

  afterAll(async () => {
    await gateway.stop();
  });

  it('refuses all 188 n_ texts: −32700, and −32600 for the two that pass the depth limit first', async () => {
    const files = readdirSync(SUITE).filter((name) => name.startsWith('n_'));
    const wrong: unknown[] = [];
    for (const name of files) {
      const answer = await gateway.post(readFileSync(join(SUITE, name)));
      const wanted = TOO_DEEP.has(name) ? -32600 : -32700;
      const { code } = (answer.json['error'] ?? {}) as { code?: number };
      if (answer.status !== 400 || code !== wanted) wrong.push({ name, status: answer.status, code });
    }
    expect(files).toHaveLength(188);
    expect(wrong).toEqual([]);
  });

  it('refuses y_ texts too, as no message: valid JSON is not yet JSON-RPC', async () => {
    const files = readdirSync(SUITE).filter((name) => name.startsWith('y_'));
    for (const name of files) {
      const answer = await gateway.post(readFileSync(join(SUITE, name)));
      expect({ name, status: answer.status, code: (answer.json['error'] as { code: number }).code }).toEqual({ name, status: 400, code: -32600 });
    }
    expect(files).toHaveLength(95);
  });
});
