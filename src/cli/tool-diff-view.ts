// What `agw tools diff` prints: whether layer 5 refuses the tool, why, and each difference with before and after.
import { placeText } from '../base/config/fault.js';
import { plural } from './printing.js';
import { listOf, member, numberOf, recordOf, textOf, truthOf } from './reading.js';
import { printable, type Colors } from './terminal.js';

/** Served as registered, and called without a finding. */
export function isAsRegistered(answer: unknown): boolean {
  return textOf(answer, 'refused') === '' && textOf(answer, 'state') === 'verified' && listOf(answer, 'changes').length === 0;
}

/** Below a table of `/v1/tools`, whose short hashes may hide the digit that is wrong; '' when none mismatches. */
export function mismatchText(tools: readonly unknown[], colors: Colors): string {
  const names = tools.filter((tool) => textOf(tool, 'state') === 'mismatch').map((tool) => printable(textOf(tool, 'name')));
  return names.length === 0 ? '' : `${colors.red('mismatch')}: layer 5 refuses ${names.join(', ')}. Whole hashes, and what differs: ${names.map((name) => `agw tools diff ${name}`).join('; ')}`;
}

export function toolDiffText(answer: unknown, colors: Colors): string {
  const changes = listOf(answer, 'changes').map((change) => changeText(change, colors));
  const notes = notesOf(answer);
  return [[headline(answer, colors), ...changes].join('\n'), ...(notes.length === 0 ? [] : [notes.join('\n')])].join('\n\n');
}

function headline(answer: unknown, colors: Colors): string {
  const name = colors.bold(printable(textOf(answer, 'name')));
  const refused = textOf(answer, 'refused');
  if (refused !== '') return `${name} is refused (${colors.red(refused)}): ${causeOf(answer)}`;
  const changed = listOf(answer, 'changes').length;
  return changed === 0 ? `${name} is served as registered` : `${name} is served, without ${plural(changed, 'member')} outside its hash that changed since it was registered`;
}

function causeOf(answer: unknown): string {
  const upstream = member(answer, 'upstream');
  const url = printable(textOf(upstream, 'url'));
  switch (textOf(answer, 'state')) {
    case 'mismatch': return `what ${url} serves does not have the registered hash`;
    case 'absent': return `${url} does not serve it`;
    default: {
      const error = textOf(upstream, 'error');
      return `${url} could not be listed${error === '' ? '' : `: ${printable(error)}`}`;
    }
  }
}

function changeText(change: unknown, colors: Colors): string {
  const path = printable(textOf(change, 'path') || '(the whole)');
  const lines = [`${colors.bold(path)} ${textOf(change, 'kind')}`];
  const before = member(change, 'before');
  const after = member(change, 'after');
  if (before !== undefined) lines.push(colors.red(`  - ${valueText(before)}`));
  if (path === 'hash') lines.push(...hashLines(after).map((line) => colors.green(`  + ${line}`)));
  else if (after !== undefined) lines.push(colors.green(`  + ${valueText(after)}`));
  return lines.join('\n');
}

function hashLines(after: unknown): string[] {
  return typeof after === 'string' ? [printable(after)] : Object.entries(recordOf(after)).map(([alg, hash]) => printable(`${String(hash)} (${alg})`));
}

function valueText(value: unknown): string {
  return printable(typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? value : JSON.stringify(value));
}

function notesOf(answer: unknown): string[] {
  const registered = member(answer, 'registered');
  const place = placeText({ file: textOf(registered, 'file'), line: numberOf(registered, 'line') });
  const isMismatch = textOf(answer, 'state') === 'mismatch';
  const notes: string[] = [];
  if (isMismatch && listOf(answer, 'changes').every((change) => !textOf(change, 'path').startsWith('/'))) notes.push(onlyTheHash(answer, place));
  if (truthOf(answer, 'matches_again')) notes.push(`It changed at ${textOf(answer, 'since')} and is served as registered again now. It stays refused until a person registers it again.`);
  const text = listOf(answer, 'text_differs').map((change) => textOf(change, 'path')).join(', ');
  if (text !== '') notes.push(`The text at ${place} is not what is served (${printable(text)}). The hash decides, and it is right.`);
  if (isMismatch || listOf(answer, 'changes').length > 0) notes.push(`To accept what is served: agw tools add --from ${printable(textOf(member(answer, 'upstream'), 'url'))} ${printable(textOf(answer, 'served_as') || textOf(answer, 'name'))} --replace`);
  return notes;
}

/** Nothing that is written differs: then the hash itself is what changed. */
function onlyTheHash(answer: unknown, place: string): string {
  const registered = member(answer, 'registered');
  const hash = textOf(registered, 'hash');
  const other = Object.entries(recordOf(member(answer, 'hashes'))).find(([, value]) => value === hash)?.[0];
  if (other !== undefined) return `The hash is the ${other} hash of what is served, but ${place} says hash_alg: ${textOf(registered, 'hash_alg')}.`;
  if (Object.values(recordOf(member(registered, 'text_hashes'))).includes(hash)) return `The same members as at ${place}, in another order or notation: the seed hash covers that, jcs does not.`;
  return `Description and schema at ${place} are those that are served: it is the hash there that belongs to another definition.`;
}
