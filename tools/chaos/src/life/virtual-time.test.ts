import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { VirtualTime } from './virtual-time.ts';

test('an hour passes at once, and every clock agrees', async () => {
  const realStart = Date.now();
  using time = new VirtualTime(0);
  const seen = await time.run(
    (async () => {
      await time.until(3_600_000);
      return [Date.now(), performance.now(), performance.timeOrigin, time.elapsedMs];
    })(),
  );
  time[Symbol.dispose]();
  expect(seen).toEqual([3_600_000, 3_600_000, 0, 3_600_000]);
  expect(Date.now() - realStart).toBeLessThan(1_800_000);
});

test('no time passes while something is on its way through sockets', async () => {
  using time = new VirtualTime(0);
  const elapsedMs = await time.run(
    (async () => {
      const server = createServer((socket) => socket.pipe(socket));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
      let answered = 0;
      for (let turn = 0; turn < 100; turn++) {
        const timeout = setTimeout(() => socket.destroy(new Error('time went on')), 1);
        socket.write('a'.repeat(1_000));
        for (let missing = 1_000; missing > 0; ) {
          const [data] = (await once(socket, 'data')) as [Buffer];
          missing -= data.length;
        }
        clearTimeout(timeout);
        answered++;
      }
      socket.destroy();
      server.close();
      expect(answered).toBe(100);
      return time.elapsedMs;
    })(),
  );
  expect(elapsedMs).toBe(0);
  expect(time.timers).toBe(0);
});

test('what waits for something else than time ends with an error instead of never', async () => {
  using time = new VirtualTime(0);
  await expect(time.run(new Promise(() => {}))).rejects.toThrow('nothing happens any more');
});
