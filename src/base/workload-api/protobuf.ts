// The little of protocol buffers that the Workload API's messages need: fields that are bytes, text or nested messages (protobuf encoding, wire types 0, 1, 2 and 5).

export interface Field {
  readonly number: number;
  /** Of a field with a length; of the others nothing is read. */
  readonly bytes: Buffer | undefined;
}

const VARINT_BYTES_MAX = 10;
const SEVEN_BITS = 0x7f;
const MORE = 0x80;
/** 2^28 is beyond every message here; larger numbers need not be exact. */
const EXACT_SHIFT_MAX = 28;

/** Throws RangeError on what is no message. */
export function readFields(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let n = 0; n < VARINT_BYTES_MAX; n += 1) {
      const byte = message[at];
      if (byte === undefined) throw new RangeError('the message ends within a number');
      at += 1;
      if (n * 7 <= EXACT_SHIFT_MAX) value += (byte & SEVEN_BITS) * 2 ** (n * 7);
      else if ((byte & SEVEN_BITS) !== 0) value = Infinity;
      if ((byte & MORE) === 0) return value;
    }
    throw new RangeError('a number has more than 10 bytes');
  };
  const take = (length: number): Buffer => {
    if (!(length <= message.length - at)) throw new RangeError('a field is longer than its message');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    if (!(number >= 1 && Number.isFinite(number))) throw new RangeError('a field has no number');
    switch (tag % 8) {
      case 0: varint(); fields.push({ number, bytes: undefined }); break;
      case 1: take(8); fields.push({ number, bytes: undefined }); break;
      case 2: fields.push({ number, bytes: take(varint()) }); break;
      case 5: take(4); fields.push({ number, bytes: undefined }); break;
      default: throw new RangeError('a field of an unknown kind');
    }
  }
  return fields;
}

export function bytesOf(fields: readonly Field[], number: number): Buffer {
  return fields.findLast((field) => field.number === number && field.bytes !== undefined)?.bytes ?? Buffer.alloc(0);
}

export function textOf(fields: readonly Field[], number: number): string {
  return bytesOf(fields, number).toString('utf8');
}

export function allOf(fields: readonly Field[], number: number): Buffer[] {
  return fields.flatMap((field) => (field.number === number && field.bytes !== undefined ? [field.bytes] : []));
}

/** A field with a length; '' is left out, as its absence says the same. */
export function writeField(number: number, value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return bytes.length === 0 ? bytes : Buffer.concat([writeVarint(number * 8 + 2), writeVarint(bytes.length), bytes]);
}

function writeVarint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | MORE);
  }
}
