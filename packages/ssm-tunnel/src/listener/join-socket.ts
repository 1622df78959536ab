import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** How long a local application may keep its side open after the remote side has ended. */
const LOCAL_END_TIMEOUT_MS = 5_000;

/**
 * Joins an accepted socket (with `allowHalfOpen`) to a stream.
 *
 * - Local end: `end()` on the stream, which holds it back for the answer.
 * - Local reset or close: the stream is destroyed, so the other side learns at once.
 * - Remote end: the socket gets what is left, then its end; what the application still writes is dropped.
 * - Any other end of the stream (port refused, session lost, tunnel closed): the socket is reset, so that the
 *   application sees a failure and not a short but complete answer. Unix sockets know no reset (`canReset`);
 *   there it is a plain end.
 */
export function joinSocket(socket: Socket, stream: Duplex, canReset: boolean): void {
  socket.pipe(stream);
  stream.pipe(socket);
  stream.on('error', () => {});
  stream.on('end', () => {
    socket.unpipe(stream);
    socket.resume();
    // A slow reader may still have to take the rest: the time begins when all of it is the kernel's.
    const patience = (): void => void socket.setTimeout(LOCAL_END_TIMEOUT_MS, () => socket.destroy());
    if (socket.writableFinished) patience();
    else socket.once('finish', patience);
  });
  stream.on('close', () => {
    if (canReset && !stream.readableEnded && !socket.destroyed) socket.resetAndDestroy();
    else if (!stream.readableEnded) socket.destroy();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    stream.destroy();
  });
}
