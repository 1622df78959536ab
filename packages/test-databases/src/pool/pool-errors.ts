import { TestDatabaseError } from '../errors.ts';

export function branchForgotten(): TestDatabaseError {
  return new TestDatabaseError('TESTDB_BRANCH_INVALID', 'the branch was forgotten', {
    kind: 'conflict',
    hint: 'Build it anew, and acquire from that.',
  });
}

export function poolClosed(): TestDatabaseError {
  return new TestDatabaseError('TESTDB_POOL_CLOSED', 'the pool was closed before a database came', {
    kind: 'closed',
    hint: 'Ask before the run ends.',
  });
}

export function notTaken(name: string): TestDatabaseError {
  return new TestDatabaseError('TESTDB_NOT_TAKEN', `database ${name} is given back, but nobody has it`, {
    kind: 'conflict',
    hint: 'Give each database back once, and only what this pool has handed out.',
  });
}

/** Handing out one database to two would be worse than any error. */
export function wrongNames(name: string | undefined): TestDatabaseError {
  const what = name === undefined ? 'none' : `${name}, which the pool has had before`;
  return new TestDatabaseError('TESTDB_NAME_TAKEN', `asked for new databases, the backend named ${what}`, {
    kind: 'conflict',
    hint: 'PoolBackend.clone has to name the databases of exactly the numbers that it is asked for.',
  });
}
