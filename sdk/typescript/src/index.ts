// @precinct/sdk: what users see.
export { GatewayClient } from './client.js';
export { GatewaySession } from './session.js';
export { secretRef, SecretRef, type SecretRefOptions } from './secret-ref.js';
export { ToolResult, type ContentBlock } from './tool-result.js';
export { GatewayError, PrecinctError, type Refusal } from './gateway-error.js';
export {
  AdmissionError, AuditError, AuthenticationError, AuthorizationError, CircuitBreakerError, DeepScanError, DLPViolationError, GatewayFaultError, InvalidRequestError, RateLimitError, RegistryError, SecretError,
  SessionRiskError, StepUpError, UpstreamError,
} from './families.js';
export { ApprovalTimeoutError, CallTimeoutError, ConfigurationError, InputRequiredError, ProtocolError, SessionExpiredError, ToolError, TransportError, type TransportFacts } from './errors.js';
export type { RefusalCode } from './codes.js';
export type { ApprovalRequest } from './approvals.js';
export type { CallOptions, ClientOptions, Era, Progress, RequestHandler, RequestOptions, SessionOptions } from './options.js';
export type { Identity, IdentitySource } from './identity/credentials.js';
export type { TokenSource } from './identity/given.js';
export type { JsonObject } from './json.js';
export type { Prompt, Resource, ResourceTemplate, ServerNotification, Tool, ToolEvent } from './operations.js';
export type { Surroundings } from './surroundings.js';
export type { TraceparentSource } from './trace.js';
