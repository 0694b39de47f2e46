// The 13 layers of one record, as a person likes to see them: in one cell of a table, or one line per layer.
import { LAYER_NAMES } from '../base/errors/table.js';
import { listOf, numberOf, textOf } from './reading.js';
import { printable, type Colors } from './terminal.js';

const SIGNS: Readonly<Record<string, string>> = { pass: '✓', flag: '!', deny: '✗', fault: '‼', skipped: '-', not_reached: '·' };

export const LAYERS_LEGEND = '✓ pass  ! flag  ✗ deny  ‼ fault  - skipped  · not reached; place = layer 1–13';

/** Thirteen signs; a layer the record lacks is not reached. */
export function layersCompact(record: unknown): string {
  const verdicts = new Map(listOf(record, 'layers_traversed').map((layer) => [numberOf(layer, 'step'), textOf(layer, 'verdict')]));
  return LAYER_NAMES.map((_, i) => SIGNS[verdicts.get(i + 1) ?? 'not_reached'] ?? '?').join('');
}

export function paintLayers(text: string, colors: Colors): string {
  return [...text].map((sign) => paintSign(sign, colors)).join('');
}

function paintSign(sign: string, colors: Colors): string {
  if (sign === '✓') return colors.green(sign);
  if (sign === '✗' || sign === '‼') return colors.red(sign);
  return sign === '!' ? colors.yellow(sign) : colors.dim(sign);
}

const BAR_WIDTH = 16;

/** By its logarithm: the registry's first look at a server takes a thousand times what a check does, and both should be seen. */
function barOf(us: number, slowest: number): string {
  return '▪'.repeat(Math.round((Math.log1p(us) / Math.log1p(slowest)) * BAR_WIDTH));
}

/** One line per layer: sign, step, name, µs with a bar, verdict and note. */
export function layersTall(record: unknown, colors: Colors): string {
  const layers = listOf(record, 'layers_traversed');
  const slowest = Math.max(1, ...layers.map((layer) => numberOf(layer, 'us') ?? 0));
  return layers.map((layer) => tallLine(layer, slowest, colors)).join('\n');
}

function tallLine(layer: unknown, slowest: number, colors: Colors): string {
  const verdict = textOf(layer, 'verdict');
  const reached = verdict !== 'not_reached';
  const us = numberOf(layer, 'us') ?? 0;
  const bar = reached ? barOf(us, slowest) : '';
  const time = reached ? `${us.toFixed(1).padStart(9)} µs` : ' '.repeat(12);
  const note = textOf(layer, 'note');
  const head = `${paintSign(SIGNS[verdict] ?? '?', colors)} ${textOf(layer, 'step').padStart(2)} ${printable(textOf(layer, 'name')).padEnd(20)}`;
  const tail = `${colors.cyan(bar.padEnd(BAR_WIDTH))} ${verdict.replace('_', ' ')}${note === '' ? '' : `: ${printable(note)}`}`;
  return reached ? `${head} ${time} ${tail}` : colors.dim(`${head} ${time} ${tail}`);
}
