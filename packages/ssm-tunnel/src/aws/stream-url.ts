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

/**
 * The stream URL with scheme, host and port of `streamEndpoint`; path and query stay as the service wrote them. For
 * an interface VPC endpoint of `ssmmessages` without private DNS, whose host
 * (`vpce-….ssmmessages.<region>.vpce.amazonaws.com`) StartSession does not know of: it always names the public one
 * (aws/session-manager-plugin issue 122).
 */
export function applyStreamEndpoint(streamUrl: string, streamEndpoint: string | undefined): string {
  if (streamEndpoint === undefined || !URL.canParse(streamUrl)) return streamUrl;
  const { pathname, search, hash } = new URL(streamUrl);
  const { protocol, host } = new URL(streamEndpoint);
  return `${protocol}//${host}${pathname}${search}${hash}`;
}

/** Addresses that never leave this machine. `hostname` as `URL` gives it. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
