import { EventEmitter } from 'node:events';
import pg, { type Client, type PoolConfig } from 'pg';
import { expect, test } from 'vitest';
import { WarmSession } from './warm-session.ts';

/** As much of a client as a pool of pg uses. */
class FakeClient extends EventEmitter {
  static made = 0;
  readonly id: number = ++FakeClient.made;
  ended = false;
  fails = false;
  connect(callback?: (error?: unknown) => void): Promise<void> | undefined {
    const connected = this.fails ? Promise.reject(new Error('refused')) : Promise.resolve();
    if (callback === undefined) return connected;
    connected.then(() => callback(), callback);
    return undefined;
  }
  ref(): void {}
  unref(): void {}
  getTypeParser(): void {}
  async end(): Promise<void> {
    this.ended = true;
    this.emit('end');
  }
}

const Fake = FakeClient as unknown as new (config?: unknown) => Client;
const config: PoolConfig = { user: 'app', password: async () => 'token', max: 4 };

async function idOf(options: PoolConfig): Promise<number> {
  const pool = new pg.Pool(options);
  const client = await pool.connect();
  const { id } = client as unknown as FakeClient;
  client.release();
  await pool.end();
  return id;
}

test('the first pool gets the session that is open, whatever it says about itself; the second makes its own', async () => {
  const client = new FakeClient();
  const warm = new WarmSession(client as unknown as Client);
  const offered = warm.offer(config, Fake);
  expect(await idOf({ ...offered, max: 1, idleTimeoutMillis: 5 })).toBe(client.id);
  expect(await idOf(offered)).not.toBe(client.id);
  expect(client.ended).toBe(true); // by its pool
});

test.each([
  { user: 'other' },
  { application_name: 'mine' },
  { statement_timeout: 5 },
  { password: async () => 'other' },
])('a pool that wants another session (%j) gets another one, and nobody is left with this', async (other) => {
  const client = new FakeClient();
  const warm = new WarmSession(client as unknown as Client);
  expect(await idOf({ ...warm.offer(config, Fake), ...other })).not.toBe(client.id);
  expect(client.ended).toBe(false);
  await warm.end();
  expect(client.ended).toBe(true);
});

test('a session that could not be opened, or has ended, is given to nobody and fails nothing', async () => {
  const refused = Object.assign(new FakeClient(), { fails: true });
  const gone = new FakeClient();
  const [one, two] = [refused, gone].map((client) => new WarmSession(client as unknown as Client));
  gone.emit('error', new Error('terminated'));
  gone.emit('end');
  await one?.end();
  expect(await idOf(one?.offer(config, Fake) as PoolConfig)).not.toBe(refused.id);
  expect(await idOf(two?.offer(config, Fake) as PoolConfig)).not.toBe(gone.id);
});
