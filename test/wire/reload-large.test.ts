// A reload of a policy set that takes seconds to look through: who answers agents and operators goes on meanwhile, whether the set is right or wrong.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, codeOf, eventually, hashOf, registration, toolText } from './calls.js';

const RULES = 3_000;
const DLP_RULES = 300;
const NOBODY = 'identities: []\n';
/** One that looks through the rules itself answers some before and behind that. */
const ANSWERED_MEANWHILE_MIN = 100;

let server: ToolServer;
let gateway: GatewayProcess;
beforeAll(async () => {
  server = await startToolServer({ tools: [toolText('echo')] });
  gateway = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)], config: { threads: { gateway: 1 } } });
});
afterAll(async () => {
  await gateway.stop();
  await server.close();
});

function write(more: string): void {
  const rules = Array.from({ length: RULES }, (_, n) => `allow if {\n\tinput.caller_spiffe_id == "${CALLER}-${n % 50}"\n\tinput.tool_name == "tool_${n}"\n}\n`);
  writeFileSync(join(gateway.dir, 'config/opa/policies/large.rego'), `package precinct.authz\n\nimport rego.v1\n\n${rules.join('\n')}\n${more}\n`);
}

/** How often the control thread answered while it worked on that, and how it ended. */
async function meanwhile(ask: () => ReturnType<GatewayProcess['control']>): Promise<{ readonly answered: number; readonly last: Awaited<ReturnType<GatewayProcess['control']>> }> {
  const work = ask();
  let over = false;
  void work.finally(() => { over = true; });
  let answered = 0;
  while (!over) {
    expect((await gateway.control('GET', '/v1/approvals')).status).toBe(200);
    answered += 1;
  }
  return { answered, last: await work };
}

it('holds up neither the control plane nor calls', async () => {
  write('');
  const { answered, last } = await meanwhile(() => gateway.control('POST', '/v1/policy/reload'));
  expect([last.status, last.json['rules']]).toEqual([200, RULES + 1]);
  expect(answered).toBeGreaterThan(ANSWERED_MEANWHILE_MIN);
  expect((await gateway.post(call('echo'))).status).toBe(200);
});

it('holds up no identity that is revoked meanwhile', async () => {
  write('# others');
  const order: string[] = [];
  const large = gateway.control('POST', '/v1/policy/reload').then(({ status }) => order.push(`policies ${status}`));
  writeFileSync(join(gateway.dir, 'config/identities.yaml'), NOBODY);
  await gateway.control('POST', '/v1/reload/files').then(({ status }) => order.push(`files ${status}`));
  expect(codeOf(await gateway.post(call('echo')))).toBe('auth_invalid_identity');
  await large;
  expect(order).toEqual(['files 200', 'policies 200']);
  expect(codeOf(await gateway.post(call('echo')))).toBe('auth_invalid_identity');
  writeFileSync(join(gateway.dir, 'config/identities.yaml'), JSON.stringify({ identities: [{ spiffe_id: CALLER }] }));
  expect((await gateway.control('POST', '/v1/reload/files')).status).toBe(200);
  expect((await gateway.post(call('echo'))).status).toBe(200);
});

it('of rules that detect holds up no identity that is revoked with it', async () => {
  const nobody = `${NOBODY}# with the rules\n`;
  const digests = (await gateway.control('GET', '/v1/status')).json['digests'] as Record<string, unknown>;
  const rules = Array.from({ length: DLP_RULES }, (_, n) => `  - {id: large-${n}, category: credentials, description: key of vendor ${n}, pattern: '\\bvnd${n}_[A-Za-z0-9]{20}\\b', keywords: [vnd${n}_], hits: ['vnd${n}_\${Ab1*20}', 'key=vnd${n}_\${xY9*20};'], misses: ['vnd${n}_\${Ab1*3}', 'vnx${n}_\${Ab1*20}']}\n`);
  writeFileSync(join(gateway.dir, 'config/dlp/large.yaml'), `rules:\n${rules.join('')}`);
  writeFileSync(join(gateway.dir, 'config/identities.yaml'), nobody);
  expect((await gateway.control('POST', '/v1/reload/files')).json['refused']).toEqual([]);
  expect(codeOf(await gateway.post(call('echo')))).toBe('auth_invalid_identity');
  const revokedFirst = (): boolean => gateway.lines('event').some((line) => {
    const details = line['details'] as Record<string, unknown>;
    return line['event'] === 'reload' && details['rules_digest'] === digests['rules'] && details['identities_digest'] === hashOf(nobody);
  });
  expect(await eventually(revokedFirst)).toBe(true); // the answer to a reload does not wait for its line
  expect(((await gateway.control('GET', '/v1/status')).json['digests'] as Record<string, unknown>)['rules']).not.toBe(digests['rules']);
  rmSync(join(gateway.dir, 'config/dlp/large.yaml'));
  writeFileSync(join(gateway.dir, 'config/identities.yaml'), JSON.stringify({ identities: [{ spiffe_id: CALLER }] }));
  expect((await gateway.control('POST', '/v1/reload/files')).status).toBe(200);
});

it('that is refused names its fault with the place, and holds up nothing', async () => {
  write('allow if no_such_function(1)');
  const { answered, last } = await meanwhile(() => gateway.control('POST', '/v1/policy/reload'));
  expect([last.status, last.json['error']]).toMatchObject([422, { code: 'reload_refused', file: 'config/opa/policies/large.rego', line: RULES * 5 + 5 }]);
  expect(answered).toBeGreaterThan(ANSWERED_MEANWHILE_MIN);
  expect((await gateway.post(call('echo'))).status).toBe(200);
  expect((await gateway.control('GET', '/v1/status')).json['refused']).toMatchObject([{ file: 'config/opa/policies/large.rego' }]);
});

it('that is only asked about is answered from the files, and holds up nothing', async () => {
  write(`allow if input.tool_name == "later"`);
  const question = { caller: CALLER, method: 'tools/call', tool: 'later', arguments_json: '{}' };
  const { answered, last } = await meanwhile(() => gateway.control('POST', '/v1/policy/eval', question));
  expect([last.status, last.json]).toMatchObject([200, { decision: 'ALLOW', active: false }]);
  expect(answered).toBeGreaterThan(ANSWERED_MEANWHILE_MIN);
});
