import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { pgTlsOptions } from '@postern/rds-auth';
import type { Cluster } from './environment.ts';

/** The application protocol that PostgreSQL registered for TLS (RFC 7301); without it a server takes nobody directly. */
const ALPN = 'postgresql';

/** What does not answer in this time is asked the old way, which always works. */
const PATIENCE_MS = 5_000;

/**
 * Whether TLS may begin at once at the endpoint (PostgreSQL documentation, "SSL Session Encryption": from 17 on, and
 * only where no proxy is in between). One handshake, nobody logs in. Never rejects.
 */
export async function takesDirectTls(
  openStream: () => Promise<Duplex>,
  cluster: Pick<Cluster, 'endpoint' | 'ca'>,
): Promise<boolean> {
  let stream: Duplex;
  try {
    stream = await openStream();
  } catch {
    return false;
  }
  return await new Promise<boolean>((resolve) => {
    const secure = connect({ ...pgTlsOptions(cluster), socket: stream, ALPNProtocols: [ALPN] });
    const settle = (direct: boolean): void => {
      clearTimeout(timer);
      resolve(direct);
      secure.destroy();
      stream.destroy();
    };
    const timer = setTimeout(() => settle(false), PATIENCE_MS);
    timer.unref();
    stream.on('error', () => settle(false));
    secure.on('error', () => settle(false));
    secure.on('close', () => settle(false));
    secure.once('secureConnect', () => settle(secure.alpnProtocol === ALPN));
  });
}
