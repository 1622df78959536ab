import { getProxyForUrl } from 'proxy-from-env';
import { optionsInvalid } from '../resolve-options.ts';
import { isLoopback } from './stream-url.ts';

/** The option: a URL, `false` for none, or undefined for what the environment says. */
export type ProxySetting = string | false | undefined;

/**
 * The HTTP proxy for a connection, if there is one.
 *
 * A proxy given as an option is used for every connection. One of the environment (`HTTPS_PROXY`, else `ALL_PROXY`,
 * unless `NO_PROXY` names the host; lower case wins) only for `https:` and `wss:`, and never for an address of this
 * machine: no proxy could reach it, and simulators live there. In `NO_PROXY` a name stands for itself alone, and
 * `.amazonaws.com` for all names that end with it.
 */
export function proxyFor(url: URL, setting: ProxySetting): URL | undefined {
  if (setting === false) return undefined;
  if (setting !== undefined) return new URL(setting);
  if (isLoopback(url.hostname) || (url.protocol !== 'https:' && url.protocol !== 'wss:')) return undefined;
  // The variable is named for https; ports and NO_PROXY are the same for wss.
  const found = getProxyForUrl(`https://${url.host}`);
  if (found === '') return undefined;
  const proxy = URL.canParse(found) ? new URL(found) : undefined;
  if (proxy?.protocol === 'http:' || proxy?.protocol === 'https:') return proxy;
  // Not quoted: it may hold a password. Going round a proxy that is asked for would be worse than stopping.
  throw optionsInvalid([
    'proxy: HTTPS_PROXY or ALL_PROXY of the environment is no URL that begins with http:// or https://',
  ]);
}
