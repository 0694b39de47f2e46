// One message a line (MCP, basic/transports, stdio): a line break between the parts of a message is white space, and would end it. Within a string JSON has none.

const LINE_BREAKS = [0x0a, 0x0d] as const;
const SPACE = 0x20;

/** In place. */
export function onOneLine(message: Buffer): Buffer {
  for (const byte of LINE_BREAKS) {
    for (let at = message.indexOf(byte); at !== -1; at = message.indexOf(byte, at + 1)) message[at] = SPACE;
  }
  return message;
}
