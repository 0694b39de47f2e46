// Which URIs a template gives (RFC 6570), in time linear in the URI for each of its expressions: no pattern of a server's or a caller's can hold up the gateway.

export interface UriTemplate {
  matches(uri: string): boolean;
}

interface Expression {
  /** May hold every character, or none of those that divide a URI. */
  readonly crossing: boolean;
  readonly optional: boolean;
}

const EXPRESSIONS_MAX = 16; // a template with more than this names nothing that a person could judge
/** What RFC 6570 percent-encodes in a simple expression, so that a value can't leave its place; many parsers take \ for /. */
const DIVIDERS: ReadonlySet<string> = new Set([...'/\\?#&']);
const EXPRESSION = /\{([+#./;?&]?)([A-Za-z0-9_%.,*:]+)\}/g;

/** Undefined: it is no template, or one beyond what is matched here. */
export function parseUriTemplate(text: string): UriTemplate | undefined {
  const expressions: Expression[] = [];
  const literals: string[] = [];
  let at = 0;
  for (const match of text.matchAll(EXPRESSION)) {
    literals.push(text.slice(at, match.index));
    const [whole, operator = ''] = match;
    expressions.push({ crossing: operator !== '', optional: operator !== '' && operator !== '+' });
    at = match.index + whole.length;
  }
  literals.push(text.slice(at));
  if (expressions.length === 0 || expressions.length > EXPRESSIONS_MAX || literals.some((literal) => /[{}]/.test(literal))) return undefined;
  return { matches: (uri) => matchesParts(uri, literals, expressions) };
}

/** After each part: at which places of the URI the next may begin. */
function matchesParts(uri: string, literals: readonly string[], expressions: readonly Expression[]): boolean {
  const [head = '', ...others] = literals;
  if (!uri.startsWith(head)) return false;
  let places = new Uint8Array(uri.length + 1);
  places[head.length] = 1;
  for (const [i, literal] of others.entries()) {
    const expression = expressions[i];
    if (expression === undefined) return false;
    places = afterLiteral(uri, literal, afterExpression(uri, expression, places));
  }
  return places[uri.length] === 1;
}

function afterExpression(uri: string, { crossing, optional }: Expression, from: Uint8Array): Uint8Array {
  const places = new Uint8Array(uri.length + 1);
  let open = false;
  for (let at = 0; at <= uri.length; at += 1) {
    if (open || (optional && from[at] === 1)) places[at] = 1;
    if (from[at] === 1) open = true;
    if (!crossing && DIVIDERS.has(uri[at] ?? '')) open = false;
  }
  return places;
}

function afterLiteral(uri: string, literal: string, from: Uint8Array): Uint8Array<ArrayBuffer> {
  const places = new Uint8Array(uri.length + 1);
  for (let at = 0; at + literal.length <= uri.length; at += 1) {
    if (from[at] === 1 && uri.startsWith(literal, at)) places[at + literal.length] = 1;
  }
  return places;
}
