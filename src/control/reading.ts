// Reads members of a control request's body; what is missing or of the wrong kind is a 400 that names it.
import { ControlFault } from './server.js';

export function textMember(body: unknown, name: string): string {
  const value = optionalText(body, name);
  if (value === undefined || value === '') throw new ControlFault(400, 'member_missing', `${name} is missing`);
  return value;
}

export function optionalText(body: unknown, name: string): string | undefined {
  const value = memberOf(body, name);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new ControlFault(400, 'member_wrong', `${name} must be text`);
  return value;
}

export function numberMember(body: unknown, name: string): number {
  const value = memberOf(body, name);
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new ControlFault(400, 'member_wrong', `${name} must be a number`);
  return value;
}

export function memberOf(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, name) ? (body as Record<string, unknown>)[name] : undefined;
}
