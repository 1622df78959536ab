import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Tunnel } from '@postern/ssm-tunnel';
import { download, upload } from './peer/requests.ts';

export type Direction = 'up' | 'down';

/** A way to the destination. */
export interface Path {
  connect(): Duplex | Promise<Duplex>;
}

export const throughTunnel = (tunnel: Tunnel): Path => ({ connect: () => tunnel.connect() });

/** Straight to the destination on this machine: what the sockets themselves can carry. */
export const throughLoopback = (port: number): Path => ({
  async connect(): Promise<Socket> {
    const socket = connectTcp({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    return socket;
  },
});

/**
 * Bytes per second while so many bytes, shared among some streams, go one way. The clock runs from the first request
 * to the last confirmation (up) or byte (down); connecting is not counted.
 */
export async function transferRate(
  path: Path,
  direction: Direction,
  streams: number,
  bytes: number,
): Promise<number> {
  const share = Math.max(1, Math.round(bytes / streams));
  const connections: Duplex[] = [];
  try {
    for (let stream = 0; stream < streams; stream++) {
      const connection = await path.connect();
      connection.on('error', () => {});
      connections.push(connection);
      await upload(connection, 1);
    }
    const transfer = direction === 'up' ? upload : download;
    const start = performance.now();
    await Promise.all(connections.map((connection) => transfer(connection, share)));
    return (share * streams) / ((performance.now() - start) / 1000);
  } finally {
    for (const connection of connections) connection.destroy();
  }
}
