import { paginateDescribeSessions, type Session } from '@aws-sdk/client-ssm';
import { isTunnelError, type TunnelError } from '../errors.ts';
import type { ResolvedOptions, TunnelOptions } from '../options.ts';
import { resolveOptions } from '../resolve-options.ts';
import { abortable } from './abortable.ts';
import { explainApiError } from './explain-api-error.ts';
import { isGone, thisProcess } from './process-identity.ts';
import { markReason, readMark } from './session-mark.ts';
import { connectSsm, type SsmConnection } from './ssm-client.ts';
import { terminateSession } from './terminate-session.ts';

/** The same options as for the tunnels whose sessions are looked for. */
export type LeftoverOptions = Pick<
  TunnelOptions,
  | 'region'
  | 'endpoint'
  | 'useFipsEndpoint'
  | 'credentials'
  | 'proxy'
  | 'connectTimeoutMs'
  | 'reason'
  | 'signal'
>;

/** A session that is still active at AWS, of a process that is gone. */
export interface LeftoverSession {
  readonly sessionId: string;
  readonly target: string | undefined;
  readonly startedAt: Date | undefined;
  /** The id that the process had on this host. */
  readonly pid: number;
}

/** A leftover that was ended, or with `error` one that could not be. */
export interface EndedLeftover extends LeftoverSession {
  readonly error?: TunnelError;
}

/** The most that the API takes. */
const PAGE_SIZE = 200;

/**
 * Sessions that tunnels of this package left running at AWS because their process was killed, on this machine since it
 * booted (in a container: in this container), with the same `reason` (default `postern`). Sessions of living processes,
 * of other machines and of other reasons are never among them; in doubt a process counts as alive.
 *
 * Needs `ssm:DescribeSessions` on `*`, which shows the sessions of the whole account and region. They are not asked for
 * by owner: that filter wants the caller's ARN, which takes one more API, and the mark tells more.
 *
 * Throws `TunnelError`s: `SSM_OPTIONS_INVALID`, `SSM_ACCESS_DENIED`, `SSM_CREDENTIALS_UNAVAILABLE`, `SSM_THROTTLED`,
 * `SSM_PROXY_REFUSED`, `SSM_API_FAILED`.
 */
export async function findLeftoverSessions(
  options: LeftoverOptions = {},
): Promise<readonly LeftoverSession[]> {
  return await withConnection(options, listLeftovers);
}

/**
 * Ends what `findLeftoverSessions` finds. Without it AWS ends them at their idle timeout, 20 minutes by default. One
 * that cannot be ended has an `error` and does not keep the others from being ended; one that is over by now is done.
 *
 * Needs `ssm:TerminateSession` on the caller's sessions in addition. Throws as `findLeftoverSessions` does.
 */
export async function endLeftoverSessions(options: LeftoverOptions = {}): Promise<readonly EndedLeftover[]> {
  return await withConnection(options, async (connection, reason, signal) => {
    const ended: EndedLeftover[] = [];
    for (const session of await listLeftovers(connection, reason, signal)) {
      try {
        await terminateSession(connection.client, session.sessionId, signal);
        ended.push(session);
      } catch (error) {
        if (!isTunnelError(error)) throw error;
        ended.push({ ...session, error });
      }
    }
    return ended;
  });
}

async function withConnection<T>(
  options: LeftoverOptions,
  work: (connection: SsmConnection, reason: string, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { reason, ...settings } = readOptions(options);
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const connection = await connectSsm(settings);
  try {
    await connection.refreshCredentials(signal);
    return await work(connection, reason, signal);
  } finally {
    connection.destroy();
  }
}

/** The checks are the tunnel's; what only a tunnel needs is made up. */
function readOptions(options: LeftoverOptions): ResolvedOptions {
  return resolveOptions({ ...options, target: 'i-00000000000000000', remotePort: 1 });
}

async function listLeftovers(
  { client }: SsmConnection,
  reason: string,
  signal: AbortSignal,
): Promise<readonly LeftoverSession[]> {
  const leftovers: LeftoverSession[] = [];
  try {
    const pages = paginateDescribeSessions(
      { client, pageSize: PAGE_SIZE, stopOnSameToken: true },
      { State: 'Active' },
      { abortSignal: signal },
    );
    for (;;) {
      const { done, value } = await abortable(pages.next(), signal);
      if (done === true) return leftovers;
      for (const session of value.Sessions ?? []) {
        const leftover = asLeftover(session, reason);
        if (leftover !== undefined) leftovers.push(leftover);
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    throw explainApiError('DescribeSessions', 'active sessions', error);
  }
}

function asLeftover(session: Session, reason: string): LeftoverSession | undefined {
  const { SessionId: sessionId, Status: status, Reason: marked = '' } = session;
  if (sessionId === undefined || status === 'Terminated' || status === 'Terminating') return undefined;
  const owner = readMark(marked);
  if (owner === undefined || owner.host !== thisProcess().host || !isGone(owner)) return undefined;
  if (marked !== markReason(reason, owner)) return undefined;
  return { sessionId, target: session.Target, startedAt: session.StartDate, pid: owner.pid };
}
