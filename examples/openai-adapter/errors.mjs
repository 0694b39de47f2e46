// What goes wrong, in the shape that OpenAI's clients raise as their own errors.

export class ApiError extends Error {
  /**
   * @param {number} status @param {string} code @param {string} message
   * @param {{ type?: string, param?: string, details?: Record<string, unknown>, retryAfter?: number | undefined }} [more]
   */
  constructor(status, code, message, { type = status === 429 ? 'rate_limit_error' : status < 500 ? 'invalid_request_error' : 'api_error', param, details, retryAfter } = {}) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    /** @type {Record<string, unknown>} */
    this.error = { message, type, param: param ?? null, code, ...(details === undefined ? {} : { details }) };
  }
}

/** @param {unknown} fault anything thrown; what is no ApiError is not shown to the client */
export function asApiError(fault) {
  return fault instanceof ApiError ? fault : new ApiError(500, 'adapter_fault', 'The adapter failed; its log says more.');
}
