import { type SSMClient, TerminateSessionCommand } from '@aws-sdk/client-ssm';
import { abortable } from './abortable.ts';
import { explainApiError } from './explain-api-error.ts';

/** Names under which the API says that there is nothing left to terminate (gossm issue 48). */
const ALREADY_OVER: ReadonlySet<string> = new Set(['ValidationException', 'DoesNotExistException']);

/** Needs `ssm:TerminateSession` on the session. A session that is over already counts as done. */
export async function terminateSession(
  client: SSMClient,
  sessionId: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    const command = new TerminateSessionCommand({ SessionId: sessionId });
    await abortable(client.send(command, { abortSignal: signal }), signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Error && ALREADY_OVER.has(error.name)) return;
    throw explainApiError('TerminateSession', sessionId, error);
  }
}
