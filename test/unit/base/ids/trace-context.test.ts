// W3C Trace Context: whose trace goes on, and whose begins anew.
import { describe, expect, it } from 'vitest';
import { createIds } from '../../../../src/base/ids/ids.js';
import { continueTrace } from '../../../../src/base/ids/trace-context.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

describe('a trace', () => {
  it.each([`00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-00`, `cc-${TRACE}-${SPAN}-01`, `cc-${TRACE}-${SPAN}-01-what-the-future-brings`])('goes on from %s', (header) => {
    expect(continueTrace(header, createIds())).toMatchObject({ traceId: TRACE, parentSpanId: SPAN });
  });

  it.each([
    '', 'nonsense', `ff-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01-more`, `00-${'0'.repeat(32)}-${SPAN}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`, `00-${TRACE.toUpperCase()}-${SPAN}-01`, `00-${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-1`, `00-${TRACE}-${SPAN}`, ` 00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01\n`, `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`, `cc-${TRACE}-${SPAN}-01.more`,
  ])('begins anew at %j', (header) => {
    const { traceId, parentSpanId } = continueTrace(header, createIds());
    expect([traceId, parentSpanId]).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), undefined]);
    expect(traceId).not.toBe(TRACE);
  });
});
