// Which published controls a decision is evidence for: ids and versions only, never the standards' text.
// NIST = SP 800-53 revision 5, ATLAS = MITRE ATLAS, OWASP-MCP = MCP Top 10 (2025), OWASP-LLM = LLM Top 10 (2026).
import { ERRORS, isErrorCode } from '../base/errors/table.js';

const EVERY_RECORD = ['NIST:au-3', 'NIST:au-12'];

/** Index = step (0 admission, 1–13 layers, 14 response and upstream, 15 the gateway itself). */
const BY_STEP: readonly (readonly string[])[] = [
  ['NIST:sc-5', 'NIST:sc-7'],
  ['NIST:sc-5', 'NIST:si-10'],
  ['NIST:si-10'],
  ['NIST:ia-2', 'NIST:ia-9', 'NIST:sc-23', 'OWASP-MCP:MCP07'],
  ['NIST:au-5', 'NIST:au-9', 'OWASP-MCP:MCP08'],
  ['NIST:cm-7', 'NIST:si-7', 'NIST:sr-11', 'OWASP-MCP:MCP03'],
  ['NIST:ac-3', 'NIST:ac-6', 'OWASP-MCP:MCP02'],
  ['NIST:sc-7', 'NIST:si-4', 'OWASP-MCP:MCP10'],
  ['NIST:ac-4', 'NIST:sc-7', 'OWASP-LLM:LLM02'],
  ['NIST:ac-3', 'NIST:ac-24', 'OWASP-LLM:LLM03'],
  ['NIST:si-3', 'NIST:si-4', 'OWASP-LLM:LLM01'],
  ['NIST:sc-5', 'OWASP-LLM:LLM06'],
  ['NIST:sc-5', 'NIST:si-13'],
  ['NIST:ia-5', 'NIST:sc-12', 'OWASP-MCP:MCP01'],
  ['NIST:si-15', 'NIST:sc-7', 'OWASP-LLM:LLM10'],
  ['NIST:si-17'],
];

/** Codes whose evidence is narrower than their step's. */
const BY_CODE: Readonly<Record<string, readonly string[]>> = {
  dlp_credentials_detected: ['NIST:ia-5', 'NIST:sc-7', 'OWASP-MCP:MCP01'],
  dlp_injection_blocked: ['NIST:si-10', 'OWASP-LLM:LLM01', 'ATLAS:AML.T0051'],
  deepscan_blocked: ['NIST:si-3', 'OWASP-LLM:LLM01', 'ATLAS:AML.T0051'],
  mcp_transport_failed: ['NIST:si-11'],
  mcp_request_failed: ['NIST:si-11'],
  mcp_invalid_response: ['NIST:si-10'],
  mcp_timeout: ['NIST:si-11'],
};

function asText(refs: readonly string[]): string {
  return JSON.stringify([...EVERY_RECORD, ...refs]);
}

const STEP_TEXT = BY_STEP.map(asText);
const CODE_TEXT = new Map(Object.entries(BY_CODE).map(([code, refs]) => [code, asText(refs)]));
const ALLOWED_TEXT = asText(['NIST:ac-3']);
const UNKNOWN_TEXT = asText([]);

/** The `framework_refs` member as JSON text. */
export function frameworkRefsText(code: string | undefined): string {
  if (code === undefined || code === '') return ALLOWED_TEXT;
  const narrow = CODE_TEXT.get(code);
  if (narrow !== undefined) return narrow;
  return (isErrorCode(code) ? STEP_TEXT[ERRORS[code].step] : undefined) ?? UNKNOWN_TEXT;
}
