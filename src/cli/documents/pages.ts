// docs/configuration.md, docs/error-codes.md and docs/cli.md, from the schema, the error table and the command table.
import { ENVIRONMENT_VARIABLES } from '../../base/config/environment.js';
import { ERRORS, LAYER_NAMES, RPC, type ErrorRow } from '../../base/errors/table.js';
import type { CommandSpec } from '../command.js';
import { EXIT_CODES } from '../failure.js';
import { GLOBAL_OPTIONS, type GroupSpec } from '../program.js';
import { configSections, type ConfigSection } from './config-keys.js';
import { SHIPPED, valueText } from './gateway-yaml.js';

export const NOTICE = '<!-- Generated: node scripts/generate-docs.mjs. Edit the source instead. -->';

export function configurationPage(): string {
  const intro = `# Configuration

${NOTICE}

\`config/gateway.yaml\` is read once at the start; \`agw config check\` checks it, \`agw config show\` shows it with every default filled in.
A wrong or unknown key stops the start with \`file:line:column\`, what is allowed, and the nearest key. Paths are relative to the folder
that holds \`config/\`. The files it names (registry, policies, rules, identities, thresholds, destinations, chains) are swapped by \`agw reload\` or SIGHUP;
all but the policies also as soon as they change on disk.
`;
  const environment = `## Environment\n\n| variable | meaning |\n|---|---|\n${ENVIRONMENT_VARIABLES.map(([name, about]) => `| \`${name}\` | ${cell(about)} |`).join('\n')}\n`;
  return [intro, ...configSections().map(sectionPage), environment].join('\n');
}

function sectionPage(section: ConfigSection): string {
  const rows = section.keys.map((key) => `| \`${key.key}\` | \`${valueText(key.default)}\`${shippedNote(section, key.key)} | ${cell(key.allowed)} | ${cell(key.reason)} |`);
  return `## ${section.name === undefined ? 'At the top' : `\`${section.name}\``}\n\n${section.reason}\n\n| key | default | allowed | reason |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

function shippedNote(section: ConfigSection, key: string): string {
  const shipped = section.name === undefined ? SHIPPED.get(key) : undefined;
  return shipped === undefined ? '' : ` (the shipped file: \`${valueText(shipped.value)}\`)`;
}

export function errorCodesPage(): string {
  const intro = `# Error codes

${NOTICE}

Every refusal carries one of these codes, in the envelope's \`code\` and in the audit record. An MCP client (one that accepts \`text/event-stream\`) is told of what steps 4–10 and 13–15 refuse by a JSON-RPC error with HTTP 200, everybody else by the status below. Since most MCP clients show an error's \`message\` alone, it has the code and the remedy as well there: \`The request holds a credential. [dlp_credentials_detected] Remove it; …\` (for \`stepup_approval_required\` the code alone, since a model may read it and the remedy approves the call); the envelope in \`error.data\` is the same for all. Steps 1–13 are the layers; 0 is admission, 14 the
response firewall and the way to the tool server, 15 the gateway itself. \`agw audit explain DECISION_ID\` says more of one decision. A refusal's
\`docs_url\` leads to its line here; \`docs.base_url\` says where this page is served.
`;
  const steps = [...new Set(Object.values(ERRORS).map((row) => row.step))].toSorted((a, b) => a - b);
  const rpc = `## JSON-RPC and MCP protocol errors\n\n| name | code |\n|---|---|\n${Object.entries(RPC).map(([name, code]) => `| ${name} | ${code} |`).join('\n')}\n`;
  return [intro, ...steps.map(stepPage), rpc].join('\n');
}

function stepPage(step: number): string {
  const rows = Object.entries<ErrorRow>(ERRORS).filter(([, row]) => row.step === step);
  const names = LAYER_NAMES[step - 1] ?? [...new Set(rows.map(([, row]) => row.middleware))].join(', ');
  const lines = rows.map(([code, row]) => `| <a id="${code}"></a>\`${code}\` | ${row.status} | ${row.retryable ? 'yes' : 'no'} | ${cell(row.message)} | ${cell(row.remediation)} |`);
  return `## Step ${step}: ${names}\n\n| code | HTTP | retry | says | what to do |\n|---|---|---|---|---|\n${lines.join('\n')}\n`;
}

export function cliPage(commands: readonly CommandSpec[], groups: readonly GroupSpec[]): string {
  const row = (a: string | number, b: string): string => `| \`${a}\` | ${cell(b)} |`;
  const intro = `# agw

${NOTICE}

| option everywhere | meaning |
|---|---|
${GLOBAL_OPTIONS.map((option) => row(option.flags, option.about)).join('\n')}

| variable | meaning |
|---|---|
${ENVIRONMENT_VARIABLES.map(([name, about]) => row(name, about)).join('\n')}

| exit code | meaning |
|---|---|
${EXIT_CODES.map(([code, about]) => row(code, about)).join('\n')}

Commands print tables for people, and JSON with \`--json\`; \`agw audit\` prints JSON lines when piped. A narrow terminal is shown fewer columns, a pipe all of them.
With \`--json\` stdout has the answer alone. Why there is none is the last line on stderr, with nothing on stdout: \`{"error":{"code":…,"message":…,"remediation":…}}\`. Notes, and what a yes is asked for, stay plain lines on stderr, before it. An unknown command or option is
answered with the nearest one.
`;
  const aliases = groups.flatMap((group) => (group.alone === undefined ? [] : [`\`agw ${group.name}\` alone is \`agw ${group.alone}\`.`]));
  return [intro, ...commands.map(commandPage), `${aliases.join(' ')}\n`].join('\n');
}

function commandPage(spec: CommandSpec): string {
  const usage = ['agw', spec.path, ...(spec.arguments ?? []).map((argument) => argument.name), ...(spec.options === undefined ? [] : ['[options]'])].join(' ');
  const parameters = [...(spec.arguments ?? []).map((a) => [a.name, a.about] as const), ...(spec.options ?? []).map((o) => [o.flags, optionAbout(o.about, o.choices)] as const)];
  const table = parameters.length === 0 ? '' : `\n| | |\n|---|---|\n${parameters.map(([name, about]) => `| \`${name}\` | ${cell(about)} |`).join('\n')}\n`;
  const negative = spec.negative === undefined ? '' : `\nExit code 1: ${spec.negative}.\n`;
  return `## agw ${spec.path}\n\n${spec.summary}.${spec.detail === undefined ? '' : ` ${spec.detail}`}\n\n\`${usage}\`\n${table}${negative}\n\`\`\`sh\n${spec.examples.join('\n')}\n\`\`\`\n`;
}

function optionAbout(about: string, choices: readonly string[] | undefined): string {
  return choices === undefined ? about : `${about} (${choices.join(', ')})`;
}

/** A bar would end the cell, and `<word>` would be an HTML tag that nobody sees. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '\\<');
}
