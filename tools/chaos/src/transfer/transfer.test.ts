import { connect, createServer, type Server, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { transfer } from './transfer.ts';
import { startTransferServer } from './transfer-server.ts';

const BYTES = 300_000;

/** A relay to the transfer server that may do harm to what comes back or goes there. */
async function relay(harm: {
  up?: (data: Buffer) => Buffer;
  down?: (data: Buffer) => Buffer;
}): Promise<number> {
  const target = await startTransferServer();
  const sockets = new Set<Socket>();
  const pass = (from: Socket, to: Socket, change: (data: Buffer) => Buffer = (data) => data): void => {
    sockets.add(from);
    from.on('data', (data: Buffer) => to.write(change(data)));
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
  };
  const server: Server = createServer((client) => {
    const upstream = connect(target.port, '127.0.0.1');
    pass(client, upstream, harm.up);
    pass(upstream, client, harm.down);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await target.close();
  });
  return (server.address() as { port: number }).port;
}

/** Does its harm once, after some bytes. */
function once(change: (data: Buffer) => Buffer): (data: Buffer) => Buffer {
  let seen = 0;
  let done = false;
  return (data) => {
    seen += data.length;
    if (done || seen < BYTES / 2) return data;
    done = true;
    return change(data);
  };
}

const flipped = (data: Buffer): Buffer => {
  data[data.length - 1] = (data.at(-1) ?? 0) ^ 1;
  return data;
};
const sizes = { id: 7, upBytes: BYTES, downBytes: BYTES };

test('a path that changes nothing passes', async () => {
  await transfer(connect(await relay({}), '127.0.0.1'), sizes);
});

test('one wrong bit on the way down is noticed', async () => {
  const port = await relay({ down: once(flipped) });
  await expect(transfer(connect(port, '127.0.0.1'), sizes)).rejects.toThrow('on the way down');
});

test('one wrong bit on the way up is noticed', async () => {
  const port = await relay({ up: once(flipped) });
  await expect(transfer(connect(port, '127.0.0.1'), sizes)).rejects.toThrow('on the way up');
});

test('lost and repeated bytes are noticed', async () => {
  const lost = await relay({ down: once((data) => data.subarray(1)) });
  await expect(transfer(connect(lost, '127.0.0.1'), sizes)).rejects.toThrow(/digests|down/);
  const repeated = await relay({ down: once((data) => Buffer.concat([data, data])) });
  await expect(transfer(connect(repeated, '127.0.0.1'), sizes)).rejects.toThrow(/digests|down/);
});

test('a stream that ends before everything came is noticed, however it ends', async () => {
  const silent = (): Duplex => new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const ended = silent();
  ended.push(null);
  await expect(transfer(ended, sizes)).rejects.toThrow('too early');
  const closed = silent();
  const result = transfer(closed, sizes);
  closed.destroy();
  await expect(result).rejects.toThrow('closed before its end');
  const failed = silent();
  const failure = transfer(failed, sizes);
  failed.destroy(new Error('reset'));
  await expect(failure).rejects.toThrow('failed: reset');
});
