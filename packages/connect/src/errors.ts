/**
 * What the caller should do about a failure:
 * `invalid` fix the configuration or the call (a command exits with 2) · `denied` fix identity or policy ·
 * `not-found` the named thing is absent · `unavailable` a passing fault · `timeout` a deadline passed ·
 * `conflict` state forbids it now · `protocol` the peer broke the rules · `closed` used after the end ·
 * `internal` our bug.
 */
export type ConnectErrorKind =
  | 'invalid'
  | 'denied'
  | 'not-found'
  | 'unavailable'
  | 'timeout'
  | 'conflict'
  | 'protocol'
  | 'closed'
  | 'internal';

/**
 * - `CONNECT_NODE_UNSUPPORTED`, `CONNECT_PLATFORM_UNSUPPORTED`: this machine cannot run it; the message says what can.
 * - `CONNECT_CONFIG_NOT_FOUND`: no `postern.config.ts` here or above.
 * - `CONNECT_CONFIG_LOAD_FAILED`: the file was found and could not be loaded (the cause is what it threw).
 * - `CONNECT_CONFIG_INVALID`: the file was loaded; `problems` lists everything that is wrong, by name.
 * - `CONNECT_ENVIRONMENT_UNKNOWN`: no such environment; the message lists the known ones.
 * - `CONNECT_CREDENTIALS_UNAVAILABLE`: no AWS credentials could be had.
 * - `CONNECT_ACCESS_DENIED`: a policy refused an AWS call; the message names the action.
 * - `CONNECT_CLUSTER_NOT_FOUND`: DescribeDBClusters does not know the cluster.
 * - `CONNECT_JUMP_HOST_NOT_FOUND`: no managed instance that is online carries the tags; those that are off are named.
 * - `CONNECT_TUNNEL_INTERRUPTED`: the tunnel has lost its session and gets no other (the cause is the last failure).
 * - `CONNECT_API_FAILED`: another failure of an AWS call (the cause is the SDK's error).
 * - `CONNECT_FUNCTION_NOT_CONFIGURED`: this environment names no function for what was asked.
 * - `CONNECT_DEPLOY_FAILED`: the offline functions could not be deployed.
 * - `CONNECT_FOLDER_UNSAFE`: the run-time folder belongs to somebody else or is no folder.
 * - `CONNECT_SOCKET_PATH_TOO_LONG`: the temporary folder's path leaves no room for a Unix socket.
 * - `CONNECT_HOST_START_FAILED`: the host process ended before it was ready; `log` says more.
 * - `CONNECT_HOST_START_TIMEOUT`: it did not become ready in time.
 * - `CONNECT_HOST_LOST`: the connection to the host ended with requests open.
 * - `CONNECT_HOST_REPLACED`: a client with another version or configuration replaced this host.
 * - `CONNECT_HOST_CLOSED`: used after `close()`.
 * - `CONNECT_HOST_PROTOCOL`: the host or a client said something that is not in the protocol.
 * - `CONNECT_REQUEST_INVALID`: a request names an unknown method or lacks a parameter.
 * - `CONNECT_DATABASE_UNKNOWN`: no declared database of this name; the message lists the known ones.
 * - `CONNECT_ROLE_UNKNOWN`: the database declares no role of this name; the message lists the declared ones.
 * - `CONNECT_RUN_UNKNOWN`: no such run, or it has been released.
 * - `CONNECT_RUN_FAILED`: the declaration is not the deployed one, or the test-database function could not prepare what was asked.
 * - `CONNECT_CONNECTIONS`: the server has too few connections left for the run; the message shows the arithmetic.
 * - `CONNECT_BRANCH_UNKNOWN`: a branch that was never sealed or has been forgotten, or one that nobody builds there.
 * - `CONNECT_TEST_DATABASE_UNKNOWN`: a test database that is neither in use nor kept.
 * - `CONNECT_INTERNAL`: our bug.
 */
export type ConnectErrorCode =
  | 'CONNECT_NODE_UNSUPPORTED'
  | 'CONNECT_PLATFORM_UNSUPPORTED'
  | 'CONNECT_CONFIG_NOT_FOUND'
  | 'CONNECT_CONFIG_LOAD_FAILED'
  | 'CONNECT_CONFIG_INVALID'
  | 'CONNECT_ENVIRONMENT_UNKNOWN'
  | 'CONNECT_CREDENTIALS_UNAVAILABLE'
  | 'CONNECT_ACCESS_DENIED'
  | 'CONNECT_CLUSTER_NOT_FOUND'
  | 'CONNECT_JUMP_HOST_NOT_FOUND'
  | 'CONNECT_TUNNEL_INTERRUPTED'
  | 'CONNECT_API_FAILED'
  | 'CONNECT_FUNCTION_NOT_CONFIGURED'
  | 'CONNECT_DEPLOY_FAILED'
  | 'CONNECT_FOLDER_UNSAFE'
  | 'CONNECT_SOCKET_PATH_TOO_LONG'
  | 'CONNECT_HOST_START_FAILED'
  | 'CONNECT_HOST_START_TIMEOUT'
  | 'CONNECT_HOST_LOST'
  | 'CONNECT_HOST_REPLACED'
  | 'CONNECT_HOST_CLOSED'
  | 'CONNECT_HOST_PROTOCOL'
  | 'CONNECT_REQUEST_INVALID'
  | 'CONNECT_DATABASE_UNKNOWN'
  | 'CONNECT_ROLE_UNKNOWN'
  | 'CONNECT_RUN_UNKNOWN'
  | 'CONNECT_RUN_FAILED'
  | 'CONNECT_CONNECTIONS'
  | 'CONNECT_BRANCH_UNKNOWN'
  | 'CONNECT_TEST_DATABASE_UNKNOWN'
  | 'CONNECT_INTERNAL';

export interface ConnectErrorInit {
  code: ConnectErrorCode;
  kind: ConnectErrorKind;
  message: string;
  /** The next step. */
  hint: string;
  /** Every problem found, by name; the message holds them too. */
  problems?: readonly string[];
  /** The end of the host's log, when the host failed. */
  log?: string;
  cause?: unknown;
}

/** Everything this package throws itself. Errors of the packages below it come through as they are. */
export class ConnectError extends Error {
  override readonly name: string = 'ConnectError';
  readonly code: ConnectErrorCode;
  readonly kind: ConnectErrorKind;
  readonly hint: string;
  readonly problems: readonly string[];
  readonly log: string | undefined;

  constructor(init: ConnectErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.kind = init.kind;
    this.hint = init.hint;
    this.problems = init.problems ?? [];
    this.log = init.log;
  }
}

/** True for a `ConnectError` of any copy of this package. */
export function isConnectError(value: unknown): value is ConnectError {
  return (
    value instanceof Error &&
    value.name === 'ConnectError' &&
    typeof (value as { code?: unknown }).code === 'string'
  );
}
