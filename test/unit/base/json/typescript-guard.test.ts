// The TypeScript guard against the shared cases, and against keys chosen to collide.
import { createTypescriptGuard } from '../../../../src/base/json/typescript-guard.js';
import { describeGuard } from './guard-cases.js';

describeGuard(createTypescriptGuard({ k0: 0x01234567, k1: 0x89abcdef | 0 }, 'under test'));
