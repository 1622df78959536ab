import { TunnelError } from '../errors.ts';

/**
 * The URL of the data channel, which is used exactly as given. Plain `ws:` is for simulators on this machine
 * only: the URL comes from the network, and the token must not leave in the clear.
 */
export function parseStreamUrl(streamUrl: string): URL {
  const url = URL.canParse(streamUrl) ? new URL(streamUrl) : undefined;
  const good = url?.protocol === 'wss:' || (url?.protocol === 'ws:' && isLoopback(url.hostname));
  if (url !== undefined && good && url.hash === '') return url;
  // The URL itself stays out of the message: it is a secret.
  const problem =
    url === undefined
      ? 'is not a URL'
      : good
        ? 'has a fragment, which no WebSocket URL has'
        : `${url.protocol}//${url.hostname} is neither wss: nor on this machine`;
  throw new TunnelError('SSM_STREAM_URL_REFUSED', `The stream URL of the session ${problem}.`, {
    hint: 'Check the SSM endpoint; AWS always answers with a wss: URL.',
  });
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
