// config/gateway.yaml as it is shipped: every key with its default, what is allowed, and its reason.
import { stringify } from 'yaml';
import { wrap } from '../printing.js';
import { configSections, type ConfigKey, type ConfigSection } from './config-keys.js';

const WIDTH = 118;

const HEAD = `# Every key of the gateway, with its default and its reason. A wrong or unknown key stops the start with its line.
# Check after editing: agw config check. Paths are relative to the project's folder.
`;

/** What \`make up\` starts with instead of the schema's default, and why. */
export const SHIPPED: ReadonlyMap<string, { readonly value: unknown; readonly because: string }> = new Map([
  ['profile', { value: 'dev', because: 'This file is what `make up` starts: loopback only, so a declared identity is enough. Anywhere else: strict, which is the default.' }],
]);

export function gatewayYaml(): string {
  return [HEAD, ...configSections().map(sectionText)].join('\n');
}

function sectionText(section: ConfigSection): string {
  if (section.name === undefined) return section.keys.map((key) => keyText(key, '')).join('');
  return `${comment(section.reason, '')}${section.name}:\n${section.keys.map((key) => keyText(key, '  ')).join('')}`;
}

function keyText(key: ConfigKey, indent: string): string {
  const shipped = key.section === undefined ? SHIPPED.get(key.key) : undefined;
  const because = shipped === undefined ? '' : ` ${shipped.because}`;
  return `${comment(`${key.reason}${because} [${key.allowed}; default ${valueText(key.default)}]`, indent)}${indent}${key.key}: ${valueText(shipped?.value ?? key.default)}\n`;
}

export function valueText(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: false }).trim();
}

function comment(text: string, indent: string): string {
  return `${indent}# ${wrap(text, WIDTH - indent.length - 2).split('\n').join(`\n${indent}# `)}\n`;
}
