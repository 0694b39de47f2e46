// Layer 2: one strict JSON-RPC message, found by one pass over the bytes; adds the call.
import { GUARD_OUT_LENGTH, type GuardLimits, type JsonGuard } from '../base/json/types.js';
import type { GatewayConfig } from '../base/config/schema.js';
import type { Layer } from '../chain/layer.js';
import { deny, denyByProtocol, PASS, type Verdict } from '../chain/verdict.js';
import type { InboundHeaders } from '../front/types.js';
import { parseCall } from '../mcp/json-rpc.js';
import { isJson } from '../mcp/media-types.js';
import { INVALID_REQUEST } from '../mcp/rpc-codes.js';
import type { Call, ProtocolError } from '../mcp/types.js';
import { eraOfVersion } from '../mcp/versions.js';

export function shapeValidator(guard: JsonGuard): Layer<never, 'call'> {
  const out = new Uint32Array(GUARD_OUT_LENGTH);
  const limitsOf = cachedLimits();
  return {
    step: 2,
    name: 'shape_validator',
    onFault: deny('mcp_invalid_request', { reasonCode: 'layer_fault' }),
    decide(ctx) {
      const { inbound } = ctx;
      const unreadable = unreadableHeader(inbound.headers);
      if (unreadable !== undefined) return wrongHeader(unreadable);
      if (inbound.httpMethod !== 'POST') {
        ctx.call = bodiless(inbound.httpMethod, inbound.headers.mcpProtocolVersion);
        return PASS;
      }
      if (!isJson(inbound.headers.contentType)) return wrongMediaType(inbound.headers.contentType);
      const status = guard.check(inbound.body, limitsOf(ctx.snapshot.config), out);
      const parsed = parseCall(inbound.body, status, out, inbound.headers);
      if (!parsed.ok) return denyByProtocol(parsed.error);
      if (inbound.batched === true && parsed.call.method === 'initialize') return denyByProtocol(initializeInBatch(parsed.call.idText));
      ctx.call = parsed.call;
      return PASS;
    },
  };
}

/** A GET opens and a DELETE ends the caller's own session, which 2026-07-28 has not; they carry no message, so the record names the HTTP method. */
function bodiless(httpMethod: string, protocolVersion: string): Call {
  return {
    kind: 'notification', era: eraOfVersion(protocolVersion) ?? 'legacy', method: httpMethod, idText: undefined, idFrom: 0, idTo: 0, name: '', uri: '', protocolVersion,
    argumentsFrom: 0, argumentsTo: 0, escapes: false,
  };
}

/** 2025-03-26, basic/lifecycle: what a batch may hold is known only behind it. */
function initializeInBatch(idText: string | undefined): ProtocolError {
  return { rpcCode: INVALID_REQUEST, httpStatus: 400, message: 'initialize must not be part of a batch.', idText, reasonCode: 'batch', data: { reason: 'batch' }, remediation: 'Send initialize alone, and the batch in the session it opens.' };
}

/** 2026-07-28, basic/transports: what is not visible ASCII travels in base64. */
const UNREADABLE = /[^\t\x20-\x7e]/;

/** The name of a header that a tool server would be passed, and that can't be: known here, it is the caller's fault, and not the tool server's. */
function unreadableHeader({ mcpMethod, mcpName, tracestate, lastEventId, forwarded }: InboundHeaders): string | undefined {
  if (UNREADABLE.test(mcpMethod)) return 'mcp-method';
  if (UNREADABLE.test(mcpName)) return 'mcp-name';
  if (UNREADABLE.test(tracestate)) return 'tracestate';
  if (UNREADABLE.test(lastEventId)) return 'last-event-id';
  return forwarded.find(([, value]) => UNREADABLE.test(value))?.[0];
}

function wrongHeader(name: string): Verdict {
  return deny('mcp_invalid_request', {
    reasonCode: 'header_value',
    message: `The header ${name} holds bytes that are not visible ASCII.`,
    remediation: 'Encode the value: =?base64?…?=, the base64 of its UTF-8.',
    details: { header: name },
  });
}

function wrongMediaType(contentType: string): Verdict {
  return deny('mcp_invalid_request', {
    reasonCode: 'content_type',
    message: 'Content-Type must be application/json.',
    remediation: 'Send the header Content-Type: application/json (curl: -H \'Content-Type: application/json\').',
    details: { content_type: contentType.slice(0, 100) },
  });
}

function cachedLimits(): (config: GatewayConfig) => GuardLimits {
  let seen: GatewayConfig | undefined;
  let limits: GuardLimits = { depthMax: 0, keysMax: 0 };
  return (config) => {
    if (config !== seen) {
      seen = config;
      limits = { depthMax: config.front.json_depth_max, keysMax: config.front.json_keys_max };
    }
    return limits;
  };
}
