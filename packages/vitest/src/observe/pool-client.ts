import type { Client } from 'pg';
import type { WatchedConnection } from './watched-connection.ts';

export type PoolClientClass = new (config?: unknown) => Client;

type Release = (error?: Error | boolean) => void;

/**
 * A Client for pools that notices being handed out and given back: a pool gives its client a `release` for each
 * check-out. In all else it is the class it is made of, with its name.
 */
export function trackingCheckouts(
  Base: typeof Client,
  sessionOf: (connection: object) => WatchedConnection | undefined,
): PoolClientClass {
  const Tracking = class extends (Base as unknown as PoolClientClass) {
    constructor(config?: unknown) {
      super(config);
      const { connection } = this as unknown as { connection?: object };
      const session = connection === undefined ? undefined : sessionOf(connection);
      if (session !== undefined) trackRelease(this, session);
    }
  };
  Object.defineProperty(Tracking, 'name', { value: Base.name });
  return Tracking;
}

function trackRelease(client: object, session: WatchedConnection): void {
  let release: unknown;
  Object.defineProperty(client, 'release', {
    enumerable: true,
    configurable: true,
    get: () => release,
    set(given: unknown) {
      if (typeof given !== 'function') {
        release = given;
        return;
      }
      const checkout = session.checkOut();
      release = (...parameters: Parameters<Release>): unknown => {
        session.checkIn(checkout);
        return Reflect.apply(given, client, parameters);
      };
    },
  });
}
