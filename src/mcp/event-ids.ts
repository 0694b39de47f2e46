// Ids of events that can be sent back in Last-Event-ID (2025-11-25, basic/transports).

/** What a header takes as it is: a tool server may choose any id. Of up to 1024 characters, and no blank at an end, which a header loses. */
export const SENDABLE_EVENT_ID = /^[\x21-\x7e](?:[\x20-\x7e]{0,1022}[\x21-\x7e])?$/;
