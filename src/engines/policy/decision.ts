// Reads what the engine answered for `allow`, and says in a fault no more than where it happened.
import { policyErrorFrom } from './error-text.js';
import type { RegoAnswer } from './rego-instance.js';
import type { PolicyDecision } from './types.js';

/** A policy's reason is shown to callers and recorded; longer text is cut. */
const REASON_CHARS_MAX = 500;

// The engine quotes values in most of its errors, and a value may be an argument: only these texts never do.
const VALUE_FREE_MESSAGE = /^(?:rule conflicts with rule at |complete rules |recursion detected|could not find function [\w.]+$)/;
const FAILED_BUILTIN = /^`([\w.]+)` (?:expects|requires)/;

export function readDecision(answer: RegoAnswer): PolicyDecision {
  switch (answer.kind) {
    case 'undefined':
      return { kind: 'deny', reason: undefined, cached: false };
    case 'timeout':
      return { kind: 'fault', message: 'the policy evaluation exceeded its time limit (policy.timeout_ms)' };
    case 'error':
      return { kind: 'fault', message: describeFault(answer.text) };
    case 'value':
      return readAllow(answer.text);
  }
}

function readAllow(json: string): PolicyDecision {
  if (json === 'true') return { kind: 'allow', reason: undefined, cached: false };
  if (json === 'false') return { kind: 'deny', reason: undefined, cached: false };
  const value = JSON.parse(json) as unknown;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return shapeFault();
  const { allow, reason, ...rest } = value as Record<string, unknown>;
  // An unknown member could be a condition that nothing here would enforce.
  if (typeof allow !== 'boolean' || Object.keys(rest).length > 0) return shapeFault();
  if (reason !== undefined && typeof reason !== 'string') return shapeFault();
  return { kind: allow ? 'allow' : 'deny', reason: reason?.slice(0, REASON_CHARS_MAX), cached: false };
}

function shapeFault(): PolicyDecision {
  return { kind: 'fault', message: 'data.precinct.authz.allow is neither a boolean nor {"allow": boolean, "reason": string}' };
}

function describeFault(text: string): string {
  const found = policyErrorFrom(text, '');
  const where = found.file === '' ? '' : ` at ${found.file}:${found.line}:${found.column}`;
  if (VALUE_FREE_MESSAGE.test(found.message)) return `policy evaluation failed${where}: ${found.message}`;
  const builtin = FAILED_BUILTIN.exec(found.message)?.[1];
  return `policy evaluation failed${where}${builtin === undefined ? '' : `: ${builtin} got a value of the wrong type`}`;
}
