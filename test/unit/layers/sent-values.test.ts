// The answers that a call sent again carries: where they go counts, and a grant is for them as well.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { destinationsOf } from '../../../src/engines/step-up/destinations.js';
import type { LocatedFinding } from '../../../src/engines/dlp/types.js';
import { APPROVED_ARGUMENTS, type ApprovedArguments } from '../../../src/layers/approved-arguments.js';
import { sentJson } from '../../../src/layers/sent-values.js';

function sent(more: string) {
  const args = '{"a":1}';
  const text = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":${args}${more}}}`;
  const from = text.indexOf(args);
  return { inbound: { body: Buffer.from(text) }, call: { argumentsFrom: from, argumentsTo: from + args.length } } as unknown as Parameters<typeof sentJson>[0];
}
/** Of the same arguments, with `more` beside them, in which `secret` was found. */
function approvedOf(more: string, secret?: string): ApprovedArguments {
  const { inbound, call: { argumentsFrom: from, argumentsTo: to } } = sent(more);
  const at = secret === undefined ? -1 : Buffer.from(inbound.body).indexOf(secret);
  const secrets: LocatedFinding[] = at < 0 ? [] : [{ rule: 'r', category: 'pii', action: 'flag', path: '$.params.inputResponses', sample: '', decoded: '', from: at, to: at + (secret?.length ?? 0) }];
  return APPROVED_ARGUMENTS.read(inbound.body, { args: { from, to }, secrets });
}
const approvedDigest = (more: string): string => approvedOf(more).digest;
const ANSWERS = ',"inputResponses":{"who":{"action":"accept","content":{"url":"https://collect.example/x"}}}';

describe('a call that is sent again', () => {
  it('names the destinations of its answers too', () => {
    expect(sentJson(sent(''))).toBe('{"a":1}');
    expect(destinationsOf(sentJson(sent(ANSWERS)))).toEqual(['collect.example']);
  });

  it('has a grant of its own: other answers, or another state, are another call', () => {
    const digests = ['', ANSWERS, ANSWERS.replace('accept', 'decline'), `${ANSWERS},"requestState":"s"`, `${ANSWERS},"requestState":"t"`].map(approvedDigest);
    expect(new Set(digests).size).toBe(digests.length);
    expect(digests[0]).toBe(createHash('sha256').update('{"a":1}').digest('hex'));
    expect(approvedDigest(ANSWERS.replace('"action":"accept"', '"action" : "\\u0061ccept"'))).toBe(digests[1]);
  });

  it('is shown to whoever approves it with its answers, but for what was found in them', () => {
    expect(approvedOf('')).toMatchObject({ beginning: '{"a":1}', length: 7 });
    const whole = '{"arguments":{"a":1},"inputResponses":{"who":{"action":"accept","content":{"url":"https://collect.example/x"}}}}';
    expect(approvedOf(`${ANSWERS},"requestState":"s"`)).toMatchObject({ beginning: whole, length: whole.length });
    expect(approvedOf(ANSWERS, 'collect').beginning).toBe(whole.replace('collect', '[withheld: r, 7 characters]'));
  });
});
