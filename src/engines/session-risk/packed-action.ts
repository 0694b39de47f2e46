// An action in one word of shared memory, but for its time: ids of its texts, and small numbers for the rest.

const TOOL_BITS = 13; // as many texts as a pool holds
const DESTINATION_BITS = 14; // and none
const CLASS_AT = TOOL_BITS + DESTINATION_BITS;
const LEVEL_AT = CLASS_AT + 2;
const EXTERNAL_AT = LEVEL_AT + 2;

/** An action but for its time, in one word. Classes and levels are numbers below 4; `destination` may be −1: none. */
export function packAction(tool: number, destination: number, classification: number, riskLevel: number, external: boolean): number {
  return tool | ((destination + 1) << TOOL_BITS) | (classification << CLASS_AT) | (riskLevel << LEVEL_AT) | ((external ? 1 : 0) << EXTERNAL_AT);
}

export const toolOf = (packed: number): number => packed & ((1 << TOOL_BITS) - 1);
export const destinationIdOf = (packed: number): number => ((packed >>> TOOL_BITS) & ((1 << DESTINATION_BITS) - 1)) - 1;
export const classOf = (packed: number): number => (packed >>> CLASS_AT) & 3;
export const levelOf = (packed: number): number => (packed >>> LEVEL_AT) & 3;
export const isExternal = (packed: number): boolean => packed >>> EXTERNAL_AT === 1;
