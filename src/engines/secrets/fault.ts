// What can go wrong with the secret store, for the operator. No text here ever holds a secret, a key or a ciphertext.

export type SecretFaultCode =
  | 'key_missing'
  | 'key_malformed'
  | 'key_unsafe'
  | 'key_unreadable'
  | 'store_damaged'
  | 'store_unreadable'
  | 'store_locked'
  | 'store_unwritable'
  | 'store_full'
  | 'unknown_secret'
  | 'secret_exists'
  | 'invalid_input';

export class SecretFault extends Error {
  readonly code: SecretFaultCode;
  readonly remedy: string;

  constructor(code: SecretFaultCode, message: string, remedy: string) {
    super(message);
    this.name = 'SecretFault';
    this.code = code;
    this.remedy = remedy;
  }
}
