// The error table as the SDKs have it: sdk/errors.json, and for each language the codes and one class a family.
import { codesOfFamilies, FAMILIES, type Family } from '../../base/errors/families.js';
import { RPC } from '../../base/errors/table.js';

const NOTICE = 'Generated from the gateway\'s error table: node scripts/generate-docs.mjs.';

export function sdkErrorFiles(): readonly (readonly [string, string])[] {
  return [
    ['sdk/errors.json', `${JSON.stringify(neutral(), undefined, 2)}\n`],
    ['sdk/python/src/mcp_gateway_sdk/_codes.py', pythonCodes()],
    ['sdk/python/src/mcp_gateway_sdk/_families.py', pythonFamilies()],
    ['sdk/go/mcpgateway/codes.go', go()],
    ['sdk/typescript/src/codes.ts', typescriptCodes()],
    ['sdk/typescript/src/families.ts', typescriptFamilies()],
  ];
}

function neutral(): unknown {
  return {
    notice: NOTICE,
    families: FAMILIES,
    codes: codesOfFamilies().map(({ code, family, row }) => ({ code, family: family.name, ...row })),
    rpc: RPC,
  };
}

function codesOf(family: Family): string {
  return codesOfFamilies().filter((of) => of.family === family).map(({ code }) => code).join(', ');
}

/** What a class says of itself. */
function about(family: Family): readonly [string, string] {
  return [`A refusal of ${family.of}.`, `Codes: ${codesOf(family)}.`];
}

/** JSON's text literals are those of Python and Go as well. */
const literal = (text: string): string => JSON.stringify(text);
const capital = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1);
const constantCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

function pythonCodes(): string {
  const rows = codesOfFamilies().map(({ code, family, row }) => `    ${literal(code)}: CodeRow(${literal(family.name)}, ${row.step}, ${literal(row.middleware)}, ${row.status}),`);
  const steps = (FAMILIES as readonly Family[]).flatMap(({ name, steps: of }) => of.map((step) => `    ${step}: ${literal(name)},`));
  const rpc = Object.entries(RPC).map(([name, code]) => `RPC_${constantCase(name)}: Final = ${code}`);
  return `"""The gateway's refusal codes. ${NOTICE}"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class CodeRow(NamedTuple):
    """What the gateway's table says of a code."""

    family: str
    step: int
    middleware: str
    status: int
    """HTTP status of the refusal for a caller that is not an MCP client."""


CODES: Final[Mapping[str, CodeRow]] = {
${rows.join('\n')}
}

FAMILY_OF_STEP: Final[Mapping[int, str]] = {
${steps.join('\n')}
}

${rpc.join('\n')}
`;
}

function pythonFamilies(): string {
  const classes = FAMILIES.map((family) => `class ${family.name}(GatewayError):\n    """${about(family).join('\n\n    ')}"""\n`);
  return `"""One exception class for each family of refusals. ${NOTICE}"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ._gateway_error import GatewayError


${classes.join('\n\n')}

FAMILIES: Final[Mapping[str, type[GatewayError]]] = {
${FAMILIES.map(({ name }) => `    ${literal(name)}: ${name},`).join('\n')}
}
`;
}

/** gofmt sets what stands after a key in one column. */
function goMap(entries: readonly (readonly [string, string])[]): string {
  const widest = Math.max(...entries.map(([key]) => key.length));
  return entries.map(([key, value]) => `\t${key}:${' '.repeat(widest - key.length + 1)}${value},`).join('\n');
}

function go(): string {
  const types = FAMILIES.map((family) => `// ${family.name} is a refusal of ${family.of}.
//
// ${about(family)[1]}
type ${family.name} struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *${family.name}) Unwrap() error { return e.GatewayError }
`);
  const codes = codesOfFamilies().map(({ code, family, row }) => [literal(code), `{${literal(family.name)}, ${row.step}, ${literal(row.middleware)}, ${row.status}}`] as const);
  const steps = (FAMILIES as readonly Family[]).flatMap(({ name, steps: of }) => of.map((step) => [String(step), literal(name)] as const));
  const rpcNames = Object.entries(RPC).map(([name, code]) => [`rpc${capital(name)}`, String(code)] as const);
  const widest = Math.max(...rpcNames.map(([name]) => name.length));
  return `// Code generated from the gateway's error table (node scripts/generate-docs.mjs). DO NOT EDIT.

package mcpgateway

// codeRow is what the gateway's table says of a code.
type codeRow struct {
	family     string
	step       int
	middleware string
	status     int // HTTP status of the refusal for a caller that is not an MCP client
}

var codes = map[string]codeRow{
${goMap(codes)}
}

var familyOfStep = map[int]string{
${goMap(steps)}
}

const (
${rpcNames.map(([name, code]) => `\t${name}${' '.repeat(widest - name.length)} = ${code}`).join('\n')}
)

${types.join('\n')}
// familyError wraps a refusal in its family's type; an unknown family leaves it as it is.
func familyError(family string, refusal *GatewayError) error {
	switch family {
${FAMILIES.map(({ name }) => `\tcase ${literal(name)}:\n\t\treturn &${name}{refusal}`).join('\n')}
	default:
		return refusal
	}
}
`;
}

function typescriptCodes(): string {
  const text = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll('\'', '\\\'')}'`;
  const rows = codesOfFamilies().map(({ code, family, row }) => `  ${code}: { family: ${text(family.name)}, step: ${row.step}, middleware: ${text(row.middleware)}, status: ${row.status} },`);
  const steps = (FAMILIES as readonly Family[]).flatMap(({ name, steps: of }) => of.map((step) => `  [${step}, ${text(name)}],`));
  return `// The gateway's refusal codes. ${NOTICE}

export type FamilyName =
${FAMILIES.map(({ name }) => `  | ${text(name)}`).join('\n')};

/** What the gateway's table says of a code. */
export interface CodeRow {
  readonly family: FamilyName;
  readonly step: number;
  readonly middleware: string;
  /** HTTP status of the refusal for a caller that is not an MCP client. */
  readonly status: number;
}

export const CODES = {
${rows.join('\n')}
} as const satisfies Readonly<Record<string, CodeRow>>;

export type RefusalCode = keyof typeof CODES;

export const FAMILY_OF_STEP: ReadonlyMap<number, FamilyName> = new Map<number, FamilyName>([
${steps.join('\n')}
]);

export const RPC = {
${Object.entries(RPC).map(([name, code]) => `  ${name}: ${code},`).join('\n')}
} as const;
`;
}

function typescriptFamilies(): string {
  const classes = FAMILIES.map((family) => `/** ${about(family).join(' ')} */\nexport class ${family.name} extends GatewayError {\n  override readonly name: string = '${family.name}';\n}\n`);
  return `// One error class for each family of refusals. ${NOTICE}
import type { FamilyName } from './codes.js';
import { GatewayError } from './gateway-error.js';

${classes.join('\n')}
export const FAMILIES: Readonly<Record<FamilyName, typeof GatewayError>> = {
${FAMILIES.map(({ name }) => `  ${name},`).join('\n')}
};
`;
}
