// The scan pool with real threads and the built worker: the same findings as inline, rules swapped by digest.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildMatcher } from '../../src/base/matcher/choose.js';
import { createArgumentsDigest } from '../../src/base/crypto/arguments-digest.js';
import { createWorkerPool, type WorkerPool } from '../../src/base/workers/pool.js';
import { createScanPool } from '../../src/engines/dlp/scan-pool.js';
import { MessageSlots } from '../../src/base/workers/message-slots.js';
import { createMessageReader } from '../../src/base/workers/message-reader.js';
import { createDlpScanner, digestRules, toPatterns } from '../../src/engines/dlp/scanner.js';
import type { DlpRule, LocatedFinding } from '../../src/engines/dlp/types.js';
import { createAnswering } from '../../src/engines/policy/large-question.js';
import { REFERENCE_PLACES } from '../../src/engines/secrets/substitute.js';
import { createScrubbing, scrubFor } from '../../src/response/03-scrub-secrets.js';
import { SENT_DESTINATIONS } from '../../src/engines/step-up/sent-destinations.js';
import { APPROVED_ARGUMENTS } from '../../src/layers/approved-arguments.js';
import { facts, load, steppingClock } from '../unit/engines/policy/facts.js';
import { blockFlagFlag, shippedRules } from '../unit/engines/dlp/shipped-rules.js';

const built = process.env['PRECINCT_DIST'] ?? fileURLToPath(new URL('../../dist', import.meta.url));
const worker = `${built}/threads/scan.js`;
const here = existsSync(worker);
const KEY = Buffer.alloc(32, 5);

describe.skipIf(!here)(`scan pool (${here ? worker : 'dist/threads/scan.js is not built'})`, () => {
  let pool: WorkerPool;
  beforeAll(() => { pool = createWorkerPool({ filename: worker, task: 'scan', threads: 1, queueMax: 8, timeoutMs: 20_000, togetherBytesMax: 256 * 1024, nowMs: () => performance.now(), workerData: { argumentsKey: KEY }, threadLost: () => undefined }); });
  afterAll(() => pool.close());

  const engines = (['hyperscan', 're2'] as const).filter((engine) => {
    try {
      buildMatcher([{ id: 0, source: 'a' }], { engine }).close();
      return true;
    } catch {
      return false;
    }
  });
  const scannerOf = (engine: 'hyperscan' | 're2', rules: readonly DlpRule[], inlineBytesMax: number) => {
    const matcher = buildMatcher(toPatterns(rules), { engine });
    const scans = createScanPool(pool, new MessageSlots(), digestRules(rules, blockFlagFlag), { rules, actions: blockFlagFlag, findingsMax: 100, engine }, matcher.serialize());
    return createDlpScanner({ rules, actions: blockFlagFlag, matcher, pool: scans, inlineBytesMax, findingsMax: 100 });
  };
  const filler = Array.from({ length: 3000 }, (_, index) => ({ id: index, name: `row ${index}`, note: 'a\nb "c"' }));
  const body = Buffer.from(JSON.stringify({ filler, text: `key AKIA${'AB'.repeat(8)}`, deep: [{ inner: Buffer.from('mail ada@example.org now').toString('base64') }] }));

  it.each(engines)('finds what the inline scan finds, with %s', async (engine) => {
    const pooled = await scannerOf(engine, shippedRules, 0).scan(body, true);
    expect(pooled).toEqual(scannerOf(engine, shippedRules, 1 << 30).scan(body, true));
    expect(pooled.map((finding) => [finding.rule, finding.path])).toEqual([['aws-access-key-id', '$.text'], ['email-address', '$.deep[0].inner']]);
  });

  it('digests the arguments of a request as its gateway thread would, and leaves the request as it was', async () => {
    const scanner = scannerOf('re2', shippedRules, 0);
    const before = Buffer.from(body);
    const [from, to] = [body.indexOf('['), body.indexOf(']') + 1];
    const scanned = await scanner.scanRequest({ body, retain: () => undefined }, true, from, to);
    expect(scanned).toEqual({ findings: await scanner.scan(body, true), argumentsDigest: createArgumentsDigest(KEY)(body, from, to) });
    expect(await scanner.scanRequest({ body, retain: () => undefined }, true, 9, 9)).toMatchObject({ argumentsDigest: undefined });
    expect(body.equals(before)).toBe(true);
  });

  it('reads the destinations of a call, and what is approved of it, as its gateway thread would', async () => {
    const text = JSON.stringify({ params: { arguments: { rows: filler, to: 'named.example', text: 'see https://written.example/' }, requestState: 's' } });
    const message = { body: Buffer.from(text), retain: () => undefined };
    const args = { from: text.indexOf('{"rows'), to: text.indexOf(',"requestState') };
    const [here, there] = [createMessageReader(undefined), createMessageReader({ threads: pool, slots: new MessageSlots(), readingsMax: 2 })];
    for (const [anywhere, hosts] of [[false, ['named.example']], [true, ['named.example', 'written.example']]] as const) {
      expect([await there.read(SENT_DESTINATIONS, message, { args, anywhere }, 0), here.read(SENT_DESTINATIONS, message, { args, anywhere }, 0)]).toEqual([hosts, hosts]);
    }
    const secrets: LocatedFinding[] = [{ rule: 'r', category: 'credentials', action: 'flag', path: '$.params.arguments.to', sample: '', decoded: '', from: text.indexOf('named'), to: text.indexOf('named') + 5 }];
    const approved = here.read(APPROVED_ARGUMENTS, message, { args, secrets }, 0);
    expect(approved).toMatchObject({ digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    expect(await there.read(APPROVED_ARGUMENTS, message, { args, secrets }, 0)).toEqual(approved);
  });

  it('decides about the arguments of a call as its gateway thread would, for one policy set after the other', async () => {
    const there = createMessageReader({ threads: pool, slots: new MessageSlots(), readingsMax: 2 });
    const answering = createAnswering(steppingClock());
    const text = JSON.stringify({ rows: filler, to: 'named.example' });
    for (const [host, kind] of [['named.example', 'allow'], ['other.example', 'deny'], ['named.example', 'allow']] as const) {
      const set = load(`package precinct.authz\n\nimport rego.v1\n\nallow if {\n  input.arguments.to == "${host}"\n  count(input.arguments.rows) == ${filler.length}\n}\n`);
      const asked = facts({ arguments: text });
      const answer = await there.read(answering, { body: Buffer.from(`[${text}]`), retain: () => undefined }, { question: set.questionOf(asked), args: { from: 1, to: text.length + 1 } }, 0);
      expect([set.decisionOf(answer).kind, set.decide(asked).kind]).toEqual([kind, kind]);
    }
  });

  it.each([['a $SPIKE{ref:b}', [{ text: 'a $SPIKE{ref:b}' }]], ['$SPIKE{', { reasonCode: 'malformed_reference' }]])('reads the references of a call as its gateway thread would: %s', async (token, places) => {
    const text = JSON.stringify({ rows: filler, token });
    const [message, args] = [{ body: Buffer.from(text), retain: () => undefined }, { from: 0, to: text.length }];
    const here = createMessageReader(undefined).read(REFERENCE_PLACES, message, args, 0);
    expect(here).toMatchObject(places);
    expect(await createMessageReader({ threads: pool, slots: new MessageSlots(), readingsMax: 2 }).read(REFERENCE_PLACES, message, args, 0)).toEqual(here);
  });

  it('takes secrets out of an answer as its gateway thread would, and names none where it can not', async () => {
    const [secret, other] = ['pässw0rd/of+13', 'another-secret'];
    const scrub = scrubFor([secret, other], createMessageReader({ threads: pool, slots: new MessageSlots(), readingsMax: 2 }), 0);
    const encoded = [secret, JSON.stringify(secret).slice(1, -1), Buffer.from(secret).toString('base64'), encodeURIComponent(secret), Buffer.from(secret).toString('hex').replace(/..(?=.)/g, '$&:'), [...secret].join('\u200b')];
    const text = Buffer.from(JSON.stringify({ filler, encoded }));
    const cut = await scrub.message(text);
    expect(Buffer.from(cut)).toEqual(createScrubbing().read(text, [secret, other]));
    expect((JSON.parse(Buffer.from(cut).toString()) as { encoded: string[] }).encoded.map((one) => one.replace(/=*$/, ''))).toEqual(encoded.map(() => '[secret]'));
    const harmless = Buffer.from(JSON.stringify(filler));
    expect(await scrub.message(harmless)).toBe(harmless);
    const fault = await Promise.resolve(scrub.message(Buffer.from(JSON.stringify({ secret, endless: `%${'25'.repeat(40)}41` })))).catch((thrown: unknown) => thrown);
    expect(fault).toMatchObject({ message: 'decoding this message takes more than its allowance' });
    expect(inspect(fault, { depth: 9, showHidden: true })).not.toMatch(/w0rd|another-secret/);
  });

  it.each(engines)('uses the rules of the snapshot that sent the task, with %s', async (engine) => {
    const all = scannerOf(engine, shippedRules, 0);
    const few = scannerOf(engine, shippedRules.filter((rule) => rule.category === 'pii'), 0);
    const [first, second, third] = await Promise.all([all.scan(body, true), few.scan(body, true), all.scan(body, true)]);
    expect([first?.length, second?.length, third?.length]).toEqual([2, 1, 2]);
  });
});
