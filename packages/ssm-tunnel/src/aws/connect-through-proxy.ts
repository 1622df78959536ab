import { request as plainRequest, type RequestOptions } from 'node:http';
import { request as secureRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { TunnelError } from '../errors.ts';

/**
 * A connection to `authority` (`host:port`) through an HTTP proxy, by CONNECT (RFC 9110, section 9.3.6). Rejects with
 * `SSM_PROXY_REFUSED` when the proxy says no (4xx), and with an ordinary error with a `code` for what a later try may
 * mend: the proxy is away, silent for `timeoutMs`, or cannot reach the host itself (5xx).
 *
 * Written out because a tunnel needs a deadline on the answer, a refusal that can be told from one of the server behind
 * the proxy, and a password that appears nowhere; the usual agent packages lack the first two and print the third when
 * `DEBUG` is set.
 */
export function connectThroughProxy(
  proxy: URL,
  authority: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const host = proxy.hostname.replace(/^\[|\]$/g, '');
    const options: RequestOptions = {
      host,
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...authorization(proxy) },
      agent: false,
      signal,
    };
    // Node would take the name to verify from the Host header, which is that of the server behind the proxy.
    const servername = isIP(host) === 0 ? host : '';
    const request =
      proxy.protocol === 'https:' ? secureRequest({ ...options, servername }) : plainRequest(options);
    const timer = setTimeout(() => {
      request.destroy(failure(`${proxy.origin} did not answer within ${timeoutMs} ms`, 'ETIMEDOUT'));
    }, timeoutMs);
    request.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      const ours = error.message.startsWith(PREFIX);
      reject(ours ? error : failure(`${proxy.origin} failed: ${error.message}`, error.code, error));
    });
    // Node reports every answer to CONNECT as this event, whatever its status.
    request.once('connect', ({ statusCode = 0 }, socket: Socket, head) => {
      clearTimeout(timer);
      if (statusCode >= 200 && statusCode < 300) {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
        return;
      }
      socket.destroy();
      if (statusCode >= 400 && statusCode < 500) reject(refused(proxy, authority, statusCode));
      else reject(failure(`${proxy.origin} could not reach ${authority} (HTTP ${statusCode})`, 'EPROXY'));
    });
    request.end();
  });
}

const PREFIX = 'The proxy ';

/** `origin` of a URL is without user and password. */
function failure(what: string, code: string | undefined, cause?: unknown): Error {
  const error = new Error(`${PREFIX}${what}.`, cause === undefined ? undefined : { cause });
  return Object.assign(error, { code });
}

function refused(proxy: URL, authority: string, status: number): TunnelError {
  return new TunnelError(
    'SSM_PROXY_REFUSED',
    `${PREFIX}${proxy.origin} refused a connection to ${authority} with HTTP ${status}.`,
    {
      hint:
        status === 407
          ? 'Put user and password into the URL of the proxy; other schemes than Basic are not supported.'
          : `Have ${authority} allowed at the proxy, or name the host in NO_PROXY if it can be reached without.`,
    },
  );
}

function authorization({ username, password }: URL): { 'proxy-authorization'?: string } {
  if (username === '' && password === '') return {};
  const basic = Buffer.from(`${decode(username)}:${decode(password)}`).toString('base64');
  return { 'proxy-authorization': `Basic ${basic}` };
}

/** A `%` that encodes nothing stands for itself. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
