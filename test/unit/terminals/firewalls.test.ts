// Which secrets an answer is searched for: those that its server was given, as of now; what is put together from several servers, for those of all.
import { expect, it } from 'vitest';
import { loadJsonGuard } from '../../../src/base/json/choose.js';
import { createMessageReader } from '../../../src/base/workers/message-reader.js';
import { createSentSecrets } from '../../../src/engines/secrets/sent-secrets.js';
import { createFirewalls } from '../../../src/terminals/firewalls.js';
import { contextOf } from '../chain/contexts.js';
import { awaitedReader } from '../layers/awaited-reader.js';
import { shippedScanner } from '../engines/dlp/shipped-rules.js';

const [ONE, OTHER] = ['http://one.example/mcp', 'http://other.example/mcp'];
const { snapshot: plain } = contextOf('{}');
const snapshot = { ...plain, responseRules: shippedScanner(), registry: { ...plain.registry, upstreams: [ONE, OTHER] } };
const message = (text: string): Buffer => Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { text } }));

it('takes out what a server was given, and what all were of what is put together', async () => {
  const sent = createSentSecrets();
  const firewalls = createFirewalls(loadJsonGuard(), sent, createMessageReader(undefined));
  const texts = () => Promise.all([firewalls.of(snapshot, ONE), firewalls.of(snapshot, OTHER), firewalls.ofAll(snapshot)].map(async (firewall) => {
    const screened = await firewall.screen(message('alpha-1 beta-22'));
    return screened.kind === 'release' ? (JSON.parse(Buffer.from(screened.bytes).toString()) as { result: { text: string } }).result.text : screened.kind;
  }));
  expect(await texts()).toEqual(['alpha-1 beta-22', 'alpha-1 beta-22', 'alpha-1 beta-22']);
  sent.remember(ONE, ['alpha-1']);
  sent.remember(OTHER, ['beta-22']);
  expect(await texts()).toEqual(['[secret] beta-22', 'alpha-1 [secret]', '[secret] [secret]']);
});

it('has the reader read for them, with the bound of the configuration', () => {
  const asked: unknown[] = [];
  const reader = awaitedReader(() => Promise.resolve('clean'));
  const sent = createSentSecrets();
  sent.remember(ONE, ['alpha-1']);
  const firewalls = createFirewalls(loadJsonGuard(), sent, { read: (reading, read, secrets, inlineBytesMax) => {
    asked.push([secrets, inlineBytesMax]);
    return reader.read(reading, read, secrets, inlineBytesMax);
  } });
  const screened = [firewalls.of(snapshot, ONE), firewalls.of(snapshot, OTHER), firewalls.ofAll(snapshot)].map((firewall) => firewall.screen(message('x')) instanceof Promise);
  const question = [['alpha-1'], snapshot.config.dlp.inline_bytes_max];
  expect([screened, asked]).toEqual([[true, false, true], [question, question]]);
});
