import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Content } from './content.ts';

/** Id, bytes up, bytes down: 8 bytes each. */
export const HEADER_BYTES = 24;

/** The destination behind the tunnel. */
export interface TransferServer {
  readonly port: number;
  connections(): { readonly open: number; readonly most: number; readonly all: number };
  close(): Promise<void>;
}

/**
 * A TCP server that answers a header with the content it asks for, while it reads what the client sends; then the
 * digests of what it received and of what it sent, and its end.
 */
export async function startTransferServer(): Promise<TransferServer> {
  const sockets = new Set<Socket>();
  let most = 0;
  let all = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    most = Math.max(most, sockets.size);
    all++;
    socket.once('close', () => sockets.delete(socket));
    // The client's side tells what went wrong.
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen(0, '127.0.0.1', 4_096);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => ({ open: sockets.size, most, all }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function serve(socket: Socket): void {
  const received = createHash('sha256');
  let header = Buffer.alloc(0);
  let down: Content | undefined;
  let upLeft = 0;
  let downDone = false;
  const finish = (): void => {
    if (down === undefined || !downDone || upLeft > 0) return;
    socket.end(Buffer.concat([received.digest(), down.digest()]));
  };
  socket.on('data', (chunk: Buffer) => {
    let data = chunk;
    if (down === undefined) {
      header = Buffer.concat([header, chunk]);
      if (header.length < HEADER_BYTES) return;
      data = header.subarray(HEADER_BYTES);
      upLeft = Number(header.readBigUInt64BE(8));
      down = new Content({
        id: Number(header.readBigUInt64BE(0)),
        direction: 'down',
        bytes: Number(header.readBigUInt64BE(16)),
      });
      down.once('end', () => {
        downDone = true;
        finish();
      });
      socket.once('close', () => down?.destroy());
      down.pipe(socket, { end: false });
    }
    received.update(data);
    upLeft -= data.length;
    if (upLeft < 0) socket.destroy();
    else if (data.length > 0) finish();
  });
}
