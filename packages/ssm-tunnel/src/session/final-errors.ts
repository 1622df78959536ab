import { isTunnelError } from '../errors.ts';

/** What waiting does not mend: the caller, its permissions or the session document have to change. */
export function isFinal(error: unknown): boolean {
  if (!isTunnelError(error)) return true;
  return (
    error.kind === 'invalid' ||
    error.code === 'SSM_ACCESS_DENIED' ||
    error.code === 'SSM_CHANNEL_REFUSED' ||
    error.code === 'SSM_HANDSHAKE_REFUSED' ||
    error.code === 'SSM_STREAM_URL_REFUSED' ||
    error.code === 'SSM_PROXY_REFUSED' ||
    (error.output !== undefined && error.output !== '')
  );
}
