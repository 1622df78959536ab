import { ConnectError } from '../errors.ts';

export function unknownRun(run: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_RUN_UNKNOWN',
    kind: 'closed',
    message: `Run ${run} does not exist, or it has been released.`,
    hint: 'A run ends with the client that prepared it. Prepare a new one.',
  });
}

export function notDeclared(database: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_RUN_FAILED',
    kind: 'conflict',
    message: `The declaration of "${database}" (roles, schemas or extensions) differs from the deployed one.`,
    hint: 'Only migrations can be tested before they are deployed. Deploy the artefact that is built from this working tree, or merge what was deployed since, then run again. Offline (POSTERN_ENV=local) a new declaration is known at once.',
  });
}

export function templateGone(database: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_RUN_FAILED',
    kind: 'conflict',
    message: `The template of "${database}" went away while the run was under way.`,
    hint: 'Somebody dropped it, or another artefact was deployed. Run again.',
  });
}

export function branchUnknown(): ConnectError {
  return new ConnectError({
    code: 'CONNECT_BRANCH_UNKNOWN',
    kind: 'not-found',
    message:
      'The run has no such branch: it was never sealed, or it was forgotten when the run was refreshed.',
    hint: 'Ask for it again with branch().',
  });
}

export function branchNotBuilding(name: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_BRANCH_UNKNOWN',
    kind: 'conflict',
    message: `No branch is being built in ${name}: it was given up, or forgotten when the run was refreshed.`,
    hint: 'Ask for the branch again with branch().',
  });
}

export function connectionsShort(database: string, text: string, cause?: unknown): ConnectError {
  return new ConnectError({
    code: 'CONNECT_CONNECTIONS',
    kind: 'unavailable',
    message: `The test run of "${database}" was not started: ${text}.`,
    hint: 'Use fewer workers (maxWorkers of vitest), wait for other runs to end, or raise max_connections of the server.',
    cause,
  });
}

export function databaseNotOpen(name: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_TEST_DATABASE_UNKNOWN',
    kind: 'not-found',
    message: `${name} is no test database that is in use or kept.`,
    hint: 'A database is given back after its tests, and a kept one is dropped when its time is over. Run the test again.',
  });
}

export function roleNotNamed(database: string, roles: readonly string[]): ConnectError {
  return new ConnectError({
    code: 'CONNECT_ROLE_UNKNOWN',
    kind: 'invalid',
    message: `"${database}" has not exactly one role that may read and write, so the role must be named.`,
    hint: `Name one of ${roles.length === 0 ? 'its roles; it declares none' : roles.join(', ')}.`,
  });
}
