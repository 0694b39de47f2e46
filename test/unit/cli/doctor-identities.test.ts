// agw doctor on a list of identities that is empty: what that means depends on the profile.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openBench, type Bench } from './cli-fixture.js';

let bench: Bench;
beforeEach(() => { bench = openBench(); });
afterEach(() => bench.close());

const STRICT = 'profile: strict\nfront: {plain: false}\ntls: {enabled: true, certificate_file: a, private_key_file: b, trust_bundle_file: c}\nguard: {url: http://127.0.0.1:8080/v1/chat/completions, model: guard}\n';

it.each([['dev', 'profile: dev\n', /! identities +none is registered: callers that declare one are refused/], ['strict', STRICT, /✓ identities +none is registered; strict believes proofs alone/]])('%s', async (_, config, said) => {
  bench.file('config/gateway.yaml', config);
  bench.file('config/identities.yaml', 'identities: []\n');
  expect((await bench.agw(['doctor'])).out).toMatch(said);
});
