// What stands in place of a text that is not shown.

/** `rules`: what was found in it. */
export function withheldText(rules: Iterable<string>, characters: number): string {
  return `[withheld: ${[...new Set(rules)].join(', ')}, ${characters} character${characters === 1 ? '' : 's'}]`;
}
