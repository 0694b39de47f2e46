// Shared tables of one thread, for tests that need no second one.
import { SharedTable, createTableMemory, type TableShape } from '../../src/base/shared/table.js';

const THIS_THREAD = 1;

export function tableOf(shape: TableShape): SharedTable {
  return new SharedTable(createTableMemory(shape), THIS_THREAD);
}
