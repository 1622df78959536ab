import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** What the destination is asked to do: one byte, then how much as 6 bytes, big-endian. */
export const Request = { upload: 0x55, download: 0x44, echo: 0x45, arrival: 0x41 } as const;
export const REQUEST_BYTES = 7;
/** The answer to `upload` when all has come. */
const DONE: number = 0x2e;
/** The answer to `arrival`: the monotonic clock of this machine in nanoseconds. */
export const CLOCK_BYTES = 8;

const BLOCK: Buffer = Buffer.alloc(64 * 1024, 0x64);

/**
 * The server behind the tunnel. `upload`: takes so many bytes, then answers one. `download`: sends so many. `echo`:
 * returns whatever follows. `arrival`: answers each byte that follows with the time of its arrival. A connection may
 * make several requests, one after the other; echo and arrival last until its end.
 */
export async function startDestination(): Promise<{ port: number; server: Server }> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, server };
}

function serve(socket: Socket): void {
  const head = Buffer.alloc(REQUEST_BYTES);
  let headBytes = 0;
  let uploading = 0;
  let mode = 0;
  socket.on('data', (chunk: Buffer) => {
    const arrived = process.hrtime.bigint();
    let at = 0;
    while (at < chunk.length) {
      if (mode === Request.echo) {
        socket.write(chunk.subarray(at));
        return;
      }
      if (mode === Request.arrival) {
        const clock = Buffer.alloc(CLOCK_BYTES);
        clock.writeBigUInt64BE(arrived);
        for (; at < chunk.length; at++) socket.write(clock);
        return;
      }
      if (uploading > 0) {
        const taken = Math.min(uploading, chunk.length - at);
        uploading -= taken;
        at += taken;
        if (uploading === 0) socket.write(Buffer.of(DONE));
        continue;
      }
      head[headBytes++] = chunk[at++] ?? 0;
      if (headBytes < REQUEST_BYTES) continue;
      headBytes = 0;
      mode = head[0] ?? 0;
      const bytes = head.readUIntBE(1, 6);
      if (mode === Request.upload) uploading = bytes;
      else if (mode === Request.download) send(socket, bytes);
    }
  });
}

function send(socket: Socket, bytes: number): void {
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      const block = left >= BLOCK.length ? BLOCK : BLOCK.subarray(0, left);
      left -= block.length;
      if (!socket.write(block)) {
        socket.once('drain', more);
        return;
      }
    }
  };
  more();
}
