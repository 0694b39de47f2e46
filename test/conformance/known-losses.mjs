// Checks that hold of the fixture and not through the gateway, each with the reason. A loss that is not here fails the run, and so does an entry that is lost no more.

/** @type {{ mode: 'server' | 'client', version: string, scenario: string, id: string, reason: string }[]} */
export const KNOWN_LOSSES = [];

/** What is not run through a gateway, and why. */
export const NOT_APPLICABLE = [
  { mode: 'client', scenarios: 'auth/*', reason: 'the suite’s server wants the client’s own token: a gateway must not pass on a token that was issued for somebody else (2026-07-28, basic/authorization, Token Passthrough)' },
];
