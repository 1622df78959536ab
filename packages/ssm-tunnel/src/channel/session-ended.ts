import { parseChannelClosed } from '@postern/ssm-protocol';
import { TunnelError } from '../errors.ts';

/** What the agent had to say, from the body of `channel_closed`. The session is over even if nobody can read it. */
export function lastWords(payload: Uint8Array): string {
  try {
    return parseChannelClosed(payload).output;
  } catch {
    return '';
  }
}

export function sessionEnded(output: string): TunnelError {
  if (output === '') {
    return new TunnelError('SSM_CHANNEL_CLOSED', 'The session was ended by the service.', {
      hint: 'It was terminated, idle for too long, or over its maximum duration. Connect again.',
      output,
    });
  }
  return new TunnelError('SSM_CHANNEL_CLOSED', `The session was ended: ${output}`, {
    hint: 'Correct what the message names, then connect again.',
    output,
  });
}
