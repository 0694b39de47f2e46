// Gives the client the gateway instead of the servers that were imported: their entries go, one for the gateway comes, a copy of each file stays.
import { systemClock } from '../../base/clock/clock.js';
import { changed, readServers, replaceClientFile, type ClientFile, type FileShape } from '../clients/client-file.js';
import { mergedEntry } from '../clients/connected.js';
import { entryDifference } from '../clients/entry-text.js';
import type { ClientFacts, Scope } from '../clients/facts.js';
import type { CommandContext } from '../command.js';
import { printable } from '../terminal.js';
import type { SourceFile } from './source.js';

export interface RewiredFile {
  readonly read: ClientFile;
  readonly scope: Scope;
  readonly text: string;
}

export interface Rewiring {
  readonly files: readonly RewiredFile[];
  /** What a person sees. */
  readonly shown: string;
}

export interface Replaced {
  readonly source: SourceFile;
  readonly names: readonly string[];
}

/** `replaced`: the imported servers by where they stand; the gateway's entry comes where the first of them was. */
export function planRewiring(context: CommandContext, client: ClientFacts, replaced: readonly Replaced[], gateway: { readonly name: string; readonly url: string }): Rewiring {
  const { colors } = context.terminal;
  const files = new Map<string, RewiredFile>();
  const shown: string[] = [];
  const apply = ({ read, shape, scope }: SourceFile, name: string, entry: Readonly<Record<string, unknown>> | undefined): void => {
    const known = files.get(read.file) ?? { read, scope, text: read.text };
    const servers = readServers(known.text, shape);
    const before = servers.servers.find((server) => server.name === name)?.value;
    const wanted = entry === undefined ? undefined : mergedEntry(before, entry);
    shown.push(`${printable(read.file)}\n${entryDifference(shapeOf(shape), name, before, wanted, colors)}`);
    files.set(read.file, { ...known, text: changed({ ...read, servers }, (text) => (wanted === undefined ? text.remove(name) : text.set(name, wanted))) });
  };
  for (const { source, names } of replaced) for (const name of names) apply(source, name, undefined);
  const [first] = replaced;
  if (first !== undefined) apply(first.source, gateway.name, client.entry(gateway));
  return { files: [...files.values()], shown: shown.join('\n') };
}

/** Deep keys, such as a project's path, would hide what matters. */
function shapeOf(shape: FileShape): FileShape {
  return { ...shape, at: shape.at.slice(-1) };
}

/** The copies. */
export function rewire({ files }: Rewiring): readonly string[] {
  return files.flatMap(({ read, text, scope }) => (text === read.text ? [] : [replaceClientFile(read, text, scope, systemClock.nowMs()) ?? '']));
}
