import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConnectingStream } from './connecting-stream.ts';

const stream = (
  open: () => Duplex | Promise<Duplex>,
  ready: () => Promise<unknown> = async () => undefined,
) => new ConnectingStream({ name: 'db.example.test:5432', open, ready });

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server = undefined;
});

async function listen(onSocket: (socket: import('node:net').Socket) => void): Promise<number> {
  server = createServer(onSocket);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

describe('a stream that pg can use as a socket', () => {
  it('connects, carries bytes both ways and closes', async () => {
    const echo = stream(() => new PassThrough());
    echo.connect();
    await once(echo, 'connect');
    echo.write('there and back');
    const [chunk] = (await once(echo, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('there and back');
    echo.end();
    await once(echo, 'close');
  });

  it('waits for a socket that is still connecting', async () => {
    const port = await listen((socket) => socket.end('hello'));
    const reader = stream(() => connect(port, '127.0.0.1'));
    reader.connect();
    await once(reader, 'connect');
    await expect(text(reader)).resolves.toBe('hello');
  });

  it('keeps what was written before it was open', async () => {
    let open: (inner: Duplex) => void = () => undefined;
    const opening = new Promise<Duplex>((resolve) => {
      open = resolve;
    });
    const early = stream(() => opening);
    early.connect();
    early.write('early');
    open(new PassThrough());
    const [chunk] = (await once(early, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('early');
    early.destroy();
  });

  it('delivers the last words of a peer that closes at once, also to a slow reader', async () => {
    const port = await listen((socket) => socket.end(Buffer.alloc(1_000_000, 'x'), () => socket.destroy()));
    const slow = stream(() => connect(port, '127.0.0.1'));
    slow.connect();
    await once(slow, 'connect');
    let bytes = 0;
    for await (const chunk of slow) {
      bytes += (chunk as Buffer).length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(bytes).toBe(1_000_000);
  });

  it('stops reading from the inner stream while nobody reads from it', async () => {
    let produced = 0;
    const source = new Duplex({
      read() {
        produced += 1;
        this.push(Buffer.alloc(16_384));
      },
      write: (_chunk, _encoding, callback) => callback(),
    });
    const idle = stream(() => source);
    idle.connect();
    await once(idle, 'connect');
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(produced).toBeLessThan(20);
    idle.destroy();
  });

  it('passes socket settings on when there is a socket, and swallows them when there is none', () => {
    const plain = stream(() => new PassThrough());
    expect(() => plain.setNoDelay(true).setKeepAlive(true, 1).unref().ref()).not.toThrow();
    plain.destroy();
  });
});

describe('a failure', () => {
  it('of opening is typed and keeps its cause', async () => {
    const cause = new Error('no route');
    const failing = stream(() => Promise.reject(cause));
    failing.connect();
    const [error] = (await once(failing, 'error')) as [Error];
    expect(error).toMatchObject({
      code: 'RDS_STREAM_FAILED',
      cause,
      message: expect.stringContaining('no route'),
    });
  });

  it('of a stream that breaks in the moment it is handed over is reported, not thrown', async () => {
    const failing = stream(() => {
      const broken = new PassThrough();
      broken.destroy(new Error('reset'));
      return broken;
    });
    failing.connect();
    const [error] = (await once(failing, 'error')) as [Error];
    expect(error).toMatchObject({ code: 'RDS_STREAM_FAILED', message: expect.stringContaining('reset') });
  });

  it('of the token ends the stream with the error of the token, and nothing is opened', async () => {
    const open = vi.fn(() => new PassThrough());
    const refused = new Error('no token');
    const failing = stream(open, () => Promise.reject(refused));
    failing.connect();
    const [error] = (await once(failing, 'error')) as [Error];
    expect(error).toBe(refused);
    expect(open).not.toHaveBeenCalled();
  });
});
