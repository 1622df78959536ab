import type { Duplex } from 'node:stream';

const BLOCK: Buffer = Buffer.alloc(64 * 1024, 0x65);

/** Sends so many bytes to an echo while reading as many: when the last one was taken, and when it was back. */
export function sendAndReceive(
  connection: Duplex,
  bytes: number,
): { written: Promise<void>; received: Promise<void> } {
  const received = new Promise<void>((resolve, reject) => {
    let left = bytes;
    const onData = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left > 0) return;
      connection.off('data', onData).off('close', onClose).off('error', reject);
      resolve();
    };
    const onClose = (): void => reject(new Error('The connection ended too early.'));
    connection.on('data', onData).on('close', onClose).on('error', reject);
  });
  const write = async (): Promise<void> => {
    for (let left = bytes; left > 0; ) {
      const block = left >= BLOCK.length ? BLOCK : BLOCK.subarray(0, left);
      left -= block.length;
      await new Promise<void>((resolve, reject) =>
        connection.write(block, (error) => (error == null ? resolve() : reject(error))),
      );
    }
  };
  return { written: write(), received };
}
