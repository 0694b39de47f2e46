// Reads the engine's parsed form (JSON of regorus' syntax tree, written by native/rego): the one place that knows its shape.

export type AstNode = Readonly<Record<string, unknown>>;

export interface AstSpan {
  readonly line: number;
  readonly col: number;
  /** Byte offsets into the UTF-8 text. */
  readonly start: number;
  readonly end: number;
}

export interface ParsedRule {
  readonly name: string;
  /** True where the head has a part only known at evaluation (`p[x]`). */
  readonly dynamic: boolean;
  readonly kind: 'complete' | 'set' | 'function';
  readonly isDefault: boolean;
  readonly span: AstSpan;
  readonly node: AstNode;
}

export interface ParsedModule {
  readonly file: string;
  readonly text: string;
  /** Without the leading `data`. */
  readonly packageName: string;
  readonly imports: readonly { readonly path: RefPath; readonly alias: string | undefined; readonly span: AstSpan }[];
  readonly rules: readonly ParsedRule[];
}

/** A reference `root.a["b"][x].c`: static parts up to the first dynamic one. */
export interface RefPath {
  readonly root: string;
  readonly parts: readonly string[];
  /** Whether a dynamic part ended `parts`. */
  readonly dynamic: boolean;
  /** Expressions inside brackets, which are read themselves. */
  readonly indexes: readonly unknown[];
  /** The expression at the root where it isn't a variable (a call, for example). */
  readonly rootNode: unknown;
}

export function isNode(value: unknown): value is AstNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function member(value: unknown, name: string): unknown {
  return isNode(value) ? value[name] : undefined;
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textMember(value: unknown, name: string): string {
  const text = member(value, name);
  return typeof text === 'string' ? text : '';
}

export function spanOf(node: unknown): AstSpan {
  const span = member(node, 'span') ?? node;
  const number = (name: string): number => Number(member(span, name) ?? 0);
  return { line: number('line') || 1, col: number('col') || 1, start: number('start'), end: number('end') };
}

/** Where a reference begins: its own span is that of its last dot or bracket. */
export function referenceStart(expression: unknown): AstSpan {
  let at = expression;
  for (;;) {
    const inner = member(member(at, 'RefDot') ?? member(at, 'RefBrack'), 'refr');
    if (inner === undefined) return spanOf(isNode(at) ? Object.values(at)[0] : undefined);
    at = inner;
  }
}

/** The constant text of a string expression; undefined for anything else. */
export function constantString(expression: unknown): string | undefined {
  const value = member(member(expression, 'String') ?? member(expression, 'RawString'), 'value');
  return typeof value === 'string' ? value : undefined;
}

export function variableName(expression: unknown): string | undefined {
  const value = member(member(expression, 'Var'), 'value');
  return typeof value === 'string' ? value : undefined;
}

/** Undefined if the expression is no reference at all. */
export function refPath(expression: unknown): RefPath | undefined {
  const reversed: (string | undefined)[] = [];
  const indexes: unknown[] = [];
  let at = expression;
  for (;;) {
    const dot = member(at, 'RefDot');
    const bracket = member(at, 'RefBrack');
    if (dot !== undefined) {
      const field = list(member(dot, 'field'))[1];
      reversed.push(typeof field === 'string' ? field : undefined);
      at = member(dot, 'refr');
    } else if (bracket !== undefined) {
      const index = member(bracket, 'index');
      reversed.push(constantString(index));
      indexes.push(index);
      at = member(bracket, 'refr');
    } else break;
  }
  const root = variableName(at);
  if (root === undefined && reversed.length === 0) return undefined;
  const all = reversed.reverse();
  const firstDynamic = all.indexOf(undefined);
  const parts = (firstDynamic === -1 ? all : all.slice(0, firstDynamic)).filter((part) => part !== undefined);
  return { root: root ?? '', parts, dynamic: firstDynamic !== -1, indexes, rootNode: root === undefined ? at : undefined };
}

export function parseModules(json: string): ParsedModule[] {
  return list(JSON.parse(json) as unknown).map((policy) => {
    const ast = member(policy, 'ast');
    const text = textMember(policy, 'text');
    const bytes = Buffer.from(text);
    return {
      file: textMember(policy, 'file'),
      text,
      packageName: dotted(refPath(member(member(ast, 'package'), 'refr'))),
      imports: list(member(ast, 'imports')).map((node) => parseImport(node, bytes)),
      rules: list(member(ast, 'rules')).flatMap((rule) => parseRule(rule, bytes)),
    };
  });
}

function parseImport(node: unknown, bytes: Buffer): ParsedModule['imports'][number] {
  const path = refPath(member(node, 'refr')) ?? { root: '', parts: [], dynamic: true, indexes: [], rootNode: undefined };
  const named = member(node, 'as');
  const span = spanOf(named);
  const alias = isNode(named) ? bytes.subarray(span.start, span.end).toString('utf8') : undefined;
  return { path, alias, span: spanOf(node) };
}

function parseRule(rule: unknown, bytes: Buffer): ParsedRule[] {
  const byDefault = member(rule, 'Default');
  if (isNode(byDefault)) {
    const isFunction = list(member(byDefault, 'args')).length > 0;
    return [{ ...named(member(byDefault, 'refr')), kind: isFunction ? 'function' : 'complete', isDefault: true, span: wholeSpan(byDefault, bytes), node: byDefault }];
  }
  const spec = member(rule, 'Spec');
  if (!isNode(spec)) return [];
  const head = member(spec, 'head');
  for (const [tag, kind] of [['Compr', 'complete'], ['Set', 'set'], ['Func', 'function']] as const) {
    const found = member(head, tag);
    if (isNode(found)) return [{ ...named(member(found, 'refr')), kind, isDefault: false, span: wholeSpan(spec, bytes), node: spec }];
  }
  return [];
}

/** A string's span leaves its quotes out, and so does that of a rule that ends with one. */
function wholeSpan(node: unknown, bytes: Buffer): AstSpan {
  const span = spanOf(node);
  const next = String.fromCharCode(bytes[span.end] ?? 0);
  return next === '"' || next === '`' ? { ...span, end: span.end + 1 } : span;
}

function named(reference: unknown): { name: string; dynamic: boolean } {
  const path = refPath(reference);
  return { name: dotted(path), dynamic: path?.dynamic ?? true };
}

/** `a.b.c`; a part that is no identifier is written in brackets, a dynamic rest as `[…]`. */
export function dotted(path: RefPath | undefined): string {
  if (path === undefined) return '';
  const parts = path.parts.map((part) => (/^[A-Za-z_]\w*$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`));
  return path.root + parts.join('') + (path.dynamic ? '[…]' : '');
}
