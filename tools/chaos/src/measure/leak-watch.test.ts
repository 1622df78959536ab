import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { LeakWatch } from './leak-watch.ts';

const PATIENCE_MS = 50;

test('what is tidied up is no leak', async () => {
  const watch = new LeakWatch(10_000);
  const timer = setTimeout(() => {}, 60_000);
  await new Promise((resolve) => setTimeout(resolve, 1));
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
  const [accepted] = await once(server, 'connection');
  socket.destroy();
  accepted.destroy();
  server.close();
  clearTimeout(timer);
  expect(await watch.leaks()).toEqual([]);
});

test('a timer that keeps nobody from ending is a leak all the same', async () => {
  const watch = new LeakWatch(PATIENCE_MS);
  const timer = setInterval(() => {}, 60_000).unref();
  expect(await watch.leaks()).toEqual([expect.stringContaining('leak-watch.test.ts')]);
  clearInterval(timer);
});

test('sockets and servers are found on both sides, held or not', async () => {
  const watch = new LeakWatch(PATIENCE_MS);
  const server = createServer();
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  const socket = connect((server.address() as { port: number }).port, '127.0.0.1').unref();
  const [accepted] = await once(server, 'connection');
  expect(await watch.leaks()).toEqual(expect.arrayContaining(['2 sockets are left', '1 servers are left']));
  socket.destroy();
  accepted.destroy();
  server.close();
});

test('listeners on the process and warnings of Node are found', async () => {
  // Node's own, which prints.
  const printers = process.rawListeners('warning') as (() => void)[];
  for (const printer of printers) process.off('warning', printer);
  const watch = new LeakWatch(PATIENCE_MS);
  const listener = (): void => {};
  process.on('SIGUSR2', listener);
  process.emitWarning('12 close listeners added', 'MaxListenersExceededWarning');
  await new Promise((resolve) => setImmediate(resolve));
  const leaks = await watch.leaks();
  process.off('SIGUSR2', listener);
  for (const printer of printers) process.on('warning', printer);
  expect(leaks).toEqual([
    'Node warned: MaxListenersExceededWarning: 12 close listeners added',
    expect.stringMatching(/more listeners on the process/),
  ]);
});
