// Scores: each dimension by itself, and the calls people will ask about.
import { describe, expect, it } from 'vitest';
import { scoreCall } from '../../../../src/engines/step-up/score.js';
import type { ScoreFacts } from '../../../../src/engines/step-up/types.js';

const HARMLESS: ScoreFacts = { riskLevel: 'low', external: false, sessionTainted: false, classification: 'public', destination: undefined, destinationAllowedByTool: false, destinationAllowedGlobally: false };

describe('scoreCall', () => {
  it.each<[string, Partial<ScoreFacts>, readonly [number, number, number, number]]>([
    ['a harmless read', {}, [0, 0, 0, 0]],
    ['a medium tool', { riskLevel: 'medium' }, [1, 1, 0, 0]],
    ['a high tool', { riskLevel: 'high' }, [2, 2, 0, 0]],
    ['a critical tool', { riskLevel: 'critical' }, [3, 3, 2, 0]],
    ['a read of sensitive data', { riskLevel: 'medium', classification: 'sensitive' }, [1, 1, 1, 0]],
    ['a send to the tool\'s own destination', { riskLevel: 'medium', external: true, destination: 'a.example', destinationAllowedByTool: true }, [1, 1, 2, 0]],
    ['a send to a known destination', { riskLevel: 'medium', external: true, destination: 'a.example', destinationAllowedGlobally: true }, [1, 1, 2, 1]],
    ['a send to a stranger', { riskLevel: 'medium', external: true, destination: 'a.example' }, [1, 1, 2, 2]],
    ['a send from a tainted session', { riskLevel: 'high', external: true, sessionTainted: true, destination: 'a.example' }, [2, 2, 3, 2]],
    ['a tainted session that sends nothing', { sessionTainted: true }, [0, 0, 2, 0]],
    ['the worst', { riskLevel: 'critical', external: true, sessionTainted: true, destination: 'a.example' }, [3, 3, 3, 2]],
    ['a deletion', { toolName: 'delete_file' }, [0, 3, 0, 0]],
    ['a deletion in camel case', { toolName: 'fileDelete' }, [0, 3, 0, 0]],
    ['an update', { toolName: 'db.update' }, [0, 2, 0, 0]],
    ['an action argument', { toolName: 'db', action: 'drop table' }, [0, 3, 0, 0]],
    ['words that only hold such a word', { toolName: 'transform_platform', action: 'confirm format' }, [0, 0, 0, 0]],
  ])('scores %s', (_what, more, dimensions) => {
    const score = scoreCall({ ...HARMLESS, ...more });
    expect([score.impact, score.reversibility, score.exposure, score.novelty]).toEqual(dimensions);
    expect(score.total).toBe(dimensions.reduce((sum, one) => sum + one, 0));
  });
});
