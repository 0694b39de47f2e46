// What can go wrong with approvals and approver keys, for the operator. No text here ever holds a key or a passphrase.
import type { StoreFaultCode } from '../../base/sqlite/own-database.js';

export type StepUpFaultCode = StoreFaultCode | 'approver_exists' | 'unknown_approver' | 'approver_unsafe' | 'wrong_passphrase' | 'invalid_input';

export class StepUpFault extends Error {
  readonly code: StepUpFaultCode;
  readonly remedy: string;

  constructor(code: StepUpFaultCode, message: string, remedy: string) {
    super(message);
    this.name = 'StepUpFault';
    this.code = code;
    this.remedy = remedy;
  }
}
