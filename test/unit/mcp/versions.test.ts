// Versions, eras and what is agreed on.
import { describe, expect, it } from 'vitest';
import { eraOfVersion, negotiateLegacyVersion } from '../../../src/mcp/versions.js';

describe('versions', () => {
  it('knows the era of each version and of no other', () => {
    expect(['2026-07-28', '2025-11-25', '2024-11-05', '', '2026-07-29', 'draft'].map(eraOfVersion)).toEqual(['modern', 'legacy', 'legacy', undefined, undefined, undefined]);
  });
  it('answers initialize with the version asked for, or the newest that has a handshake', () => {
    expect(['2025-03-26', '2026-07-28', '1.0', ''].map(negotiateLegacyVersion)).toEqual(['2025-03-26', '2025-11-25', '2025-11-25', '2025-11-25']);
  });
});
