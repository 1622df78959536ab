import type { SsmCaller } from '../caller.ts';
import { SsmApiError } from '../errors.ts';
import { Constraints } from './constraints.ts';
import type { ServiceContext } from './service-context.ts';

export function terminateSession(context: ServiceContext, input: unknown, caller: SsmCaller): unknown {
  context.counters.terminateSessionCalls++;
  const read = new Constraints(input);
  const sessionId = read.text('SessionId', { required: true, min: 1, max: 96 }) ?? '';
  read.check();
  const session = context.sessions.find(sessionId);
  context.access.session(caller, 'ssm:TerminateSession', sessionId, session);
  if (session === undefined)
    throw new SsmApiError('DoesNotExistException', `Session ${sessionId} does not exist.`);
  if (session.status === 'Terminated')
    throw new SsmApiError('ValidationException', 'Session is not in a valid state');
  context.sessions.terminate(session.id);
  return { SessionId: sessionId };
}
