import { MAX_STREAMS } from '../channel/constants.ts';
import { TunnelError } from '../errors.ts';

/** `full`: all sessions carry what they can. Otherwise there is none, and enough streams wait for one. */
export function streamLimit(full: boolean): TunnelError {
  return full
    ? new TunnelError('SSM_STREAM_LIMIT', `${MAX_STREAMS} connections are open in each session.`, {
        hint: 'Close some, or raise sessions.max.',
      })
    : new TunnelError('SSM_STREAM_LIMIT', 'Too many connections wait for a session.', {
        hint: 'Look at the state of the tunnel before connecting more.',
      });
}
