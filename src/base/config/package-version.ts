// This package's version, which the gateway and agw tell whomever they speak to.
import { readFileSync } from 'node:fs';
import { installed } from '../installation.js';

export function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(installed('package.json'), 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed && typeof parsed.version === 'string' ? parsed.version : 'unknown';
}
