// As much of protobuf's wire format as the Workload API's messages need (protobuf.dev, encoding).

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;
const VARINT_BYTES_MAX = 10;

/** Thrown for what is no such message; nothing of it is repeated. */
export class MalformedMessage extends Error {}

/** The fields that hold bytes, texts or messages, in order; numbers are skipped. */
export function readFields(bytes: Uint8Array): (readonly [field: number, value: Uint8Array])[] {
  const fields: (readonly [number, Uint8Array])[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let n = 0; n < VARINT_BYTES_MAX; n += 1) {
      const byte = bytes[at];
      if (byte === undefined) break;
      at += 1;
      value += (byte & 0x7f) * 2 ** (7 * n);
      if (byte < 0x80) return value;
    }
    throw new MalformedMessage('a number is cut off');
  };
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw new MalformedMessage('a field is cut off');
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    switch (tag % 8) {
      case WIRE_VARINT: varint(); break;
      case WIRE_FIXED64: take(8); break;
      case WIRE_FIXED32: take(4); break;
      case WIRE_BYTES: fields.push([field, take(varint())]); break;
      default: throw new MalformedMessage('a field of an unknown kind');
    }
  }
  return fields;
}

/** Fields of text below 16. */
export function writeTexts(fields: readonly (readonly [field: number, text: string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([field, text]) => {
    const value = Buffer.from(text, 'utf8');
    return [Buffer.from([field * 8 + WIRE_BYTES, ...varintBytes(value.length)]), value];
  }));
}

function varintBytes(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...varintBytes(Math.floor(value / 0x80))];
}
