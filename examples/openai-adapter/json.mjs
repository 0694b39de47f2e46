// Text that should be a JSON object.

/** @param {string} text @returns {Record<string, unknown> | undefined} undefined where it is none */
export function parsedObject(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
