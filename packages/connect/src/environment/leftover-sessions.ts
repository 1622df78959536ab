import type { CallOptions } from './environment.ts';
import { type SessionOwner, sessionOptions } from './tunnel-options.ts';

/**
 * Ends Session Manager sessions of this workspace and environment whose host was killed on this machine; AWS would after
 * 20 minutes. Gives the ids of those that were ended. Throws `TunnelError`s, most likely `SSM_ACCESS_DENIED`: the caller
 * needs `ssm:DescribeSessions`, which nothing else here does.
 */
export async function endLeftovers(
  owner: SessionOwner,
  { signal }: CallOptions = {},
): Promise<readonly string[]> {
  const { endLeftoverSessions } = await import('@postern/ssm-tunnel');
  const options = { ...sessionOptions(owner), ...(signal === undefined ? {} : { signal }) };
  const sessions = await endLeftoverSessions(options);
  return sessions.flatMap(({ sessionId, error }) => (error === undefined ? [sessionId] : []));
}
