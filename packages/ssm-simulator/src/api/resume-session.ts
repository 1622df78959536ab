import type { SsmCaller } from '../caller.ts';
import { SsmApiError } from '../errors.ts';
import { Constraints } from './constraints.ts';
import type { ServiceContext } from './service-context.ts';

/** A new token for a session that is not over. One that is over is answered without a token, or refused. */
export function resumeSession(context: ServiceContext, input: unknown, caller: SsmCaller): unknown {
  context.counters.resumeSessionCalls++;
  const read = new Constraints(input);
  const sessionId = read.text('SessionId', { required: true, min: 1, max: 96 }) ?? '';
  read.check();
  const session = context.sessions.find(sessionId);
  context.access.session(caller, 'ssm:ResumeSession', sessionId, session);
  if (session === undefined)
    throw new SsmApiError('DoesNotExistException', `Session ${sessionId} does not exist.`);
  if (session.status !== 'Terminated') return context.sessions.access(session);
  switch (context.resumeOfEnded) {
    case 'does-not-exist':
      throw new SsmApiError('DoesNotExistException', `Session ${sessionId} does not exist.`);
    case 'invalid-state':
      throw new SsmApiError('ValidationException', 'Session is not in a valid state');
    default:
      return { SessionId: sessionId };
  }
}
