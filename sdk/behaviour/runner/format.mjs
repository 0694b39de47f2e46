// The format of a topic's file, strict: a word that is not of it is refused. schema/topic.json is made from this (run.mjs --write).
import { z } from 'zod';

const values = z.record(z.string(), z.unknown());
const expected = z.unknown();

const refusal = z.looseObject({
  code: z.string().describe('of the gateway\'s table; another one is a code of a newer gateway, with status and middleware_step'),
  shape: z.enum(['http', 'flat', 'in_band', 'sse']).optional().describe('http (default): the table\'s status, JSON-RPC error · flat: the envelope\'s members beside it · in_band: HTTP 200 · sse: in a stream'),
  retry_after: z.string().optional().describe('the header'),
});
const answer = z.strictObject({
  status: z.int().optional(), headers: z.record(z.string(), z.string()).optional(),
  body: z.unknown().optional().describe('{{id}} is the request\'s id'),
  sse: z.array(z.unknown()).optional().describe('events: a message, or a text that goes out as it stands'),
  then: z.enum(['cut', 'hang']).optional().describe('what becomes of the connection when all is written; else it ends well'),
  refusal: refusal.optional(),
});
const step = z.strictObject({
  pass: z.strictObject({ headers: z.record(z.string(), z.string().nullable()).optional(), body: z.tuple([z.string(), z.string()]).optional() }).optional().describe('on to the gateway, with other headers, or one text of the body for another'),
  retry_after: z.string().nullable().optional().describe('the gateway\'s answer gets this Retry-After; null = none'),
  hold: z.literal('decided').optional().describe('passed on once the approver has decided'),
  cut: z.enum(['before', 'after', 'within']).optional().describe('the connection is cut before the gateway is asked, after it has answered, or in the middle of its answer'),
  hang: z.literal(true).optional().describe('nobody answers'),
  answer: answer.optional(),
  repeat: z.literal(true).optional().describe('of the last step: for all requests that follow'),
});

const ask = z.looseObject({
  operation: z.string().optional(),
  do: z.enum(['rotate', 'replace_files', 'cut_connections']).optional().describe('instead of an operation: what happens meanwhile'),
  client: values.optional(), client_id: z.string().optional(), env: z.record(z.string(), z.string()).optional(),
  until: z.literal(true).optional().describe('asked again until it gives what it should'),
});

const oneCase = z.strictObject({
  name: z.string().describe('a sentence'),
  gateway: z.enum(['dev', 'tight', 'strict']).optional(),
  client: values.optional().describe('over the topic\'s; null = not said'),
  ask: z.union([ask, z.array(ask)]),
  proxy: z.array(step).optional().describe('one for each request, in order; later ones pass'),
  secrets: z.array(z.strictObject({ name: z.string(), scope: z.string(), value: z.string(), as: z.string(), owner: z.literal('another').optional(), ttl_s: z.int().optional() })).optional().describe('stored for the caller; `as` names the reference\'s ref'),
  approver: z.enum(['approves', 'denies']).optional().describe('decides, with the command line, what is asked for'),
  workload_api: z.enum(['x509', 'jwt', 'both']).optional().describe('what the Workload API hands out; else nothing'),
  files: z.literal(true).optional().describe('{{folder}} has an SVID, a bundle and a token of the caller'),
  wire: expected.optional().describe('every request, in order; GET streams apart'),
  reaches_tool: z.array(expected).optional().describe('every call that reached a tool server, with how it ended'),
  gives: z.union([z.array(expected), values]).describe('what the SDK gives back for each ask'),
  record: z.array(expected).optional().describe('the gateway\'s audit records of these requests'),
  not_in: z.record(z.string(), z.string()).optional().describe('language → why it has no such thing'),
});

export const topicSchema = z.strictObject({
  topic: z.string(), about: z.string(),
  gateway: z.enum(['dev', 'tight', 'strict']).default('dev'),
  client: values.default({}),
  cases: z.array(oneCase),
});

/** @returns {object} as JSON Schema */
export function topicJsonSchema() {
  return { title: 'A topic of the behaviour table. Generated: node sdk/behaviour/run.mjs --write.', ...z.toJSONSchema(topicSchema, { io: 'input' }) };
}
