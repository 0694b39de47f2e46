// What stands for something else in the table's texts: `${ab*20}` is ab twenty times, so that no file holds what looks like a live key; `{{name}}` is a value of the run.
const REPEATED = /\$\{([^{}*]+)\*(\d+)\}/g;
const NAMED = /\{\{(\w+)\}\}/g;

/** @param {string} words */
export function repeated(words) {
  return words.replace(REPEATED, (_whole, part, count) => part.repeat(Number(count)));
}

/** As a credential of AWS looks. */
export const AWS_KEY = repeated('${AKIA*1}${Q*16}');

/** A `{{name}}` that nothing is known of stays. @param {string} words @param {ReadonlyMap<string, unknown>} values @returns {unknown} a text that is nothing but one name is the value itself */
export function filled(words, values) {
  const alone = /^\{\{(\w+)\}\}$/.exec(words)?.[1];
  if (alone !== undefined && values.has(alone)) return values.get(alone);
  return repeated(words).replace(NAMED, (whole, name) => (values.has(name) ? String(values.get(name)) : whole));
}

/** All texts of a value, its keys left alone. @param {unknown} value @param {ReadonlyMap<string, unknown>} values @returns {unknown} */
export function filledAll(value, values) {
  if (typeof value === 'string') return filled(value, values);
  if (Array.isArray(value)) return value.map((one) => filledAll(one, values));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, filledAll(one, values)]));
}
