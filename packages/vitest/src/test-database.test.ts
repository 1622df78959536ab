import { afterEach, expect, test, vi } from 'vitest';
import { type FakeHost, fakeHost } from '../test/fake-host.ts';
import { openTestDatabase } from './test-database.ts';

let host: FakeHost | undefined;
afterEach(async () => {
  await host?.close();
  host = undefined;
});

const acquired = {
  acquire: {
    result: {
      name: 'pt_0123abcd_r1_1',
      roles: { shop_app: 'pt_shop_app', shop_readonly: 'pt_shop_readonly' },
    },
  },
  token: { result: { token: 'a-token' } },
};
const provided = (controlSocket: string) =>
  ({ controlSocket, run: 'r1', database: 'shop', environment: 'local' }) as const;

test('the database of a slot is asked for by the slot, so that later files of the slot find it again', async () => {
  host = await fakeHost(acquired);
  const { database, close } = await openTestDatabase(provided(host.controlSocket), '3');
  expect(host.requests).toEqual([{ method: 'acquire', params: { run: 'r1', key: '3' } }]);
  expect(database.name).toBe('pt_0123abcd_r1_1');
  await close();
});

test('a role is its test login, with the token fetched when pg connects and verified TLS', async () => {
  host = await fakeHost(acquired);
  const { database, close } = await openTestDatabase(provided(host.controlSocket), '1');
  const config = database.as('shop_readonly');
  expect(config).toMatchObject({ user: 'pt_shop_readonly', database: 'pt_0123abcd_r1_1' });
  expect(config.ssl).toMatchObject({ ca: ['-----BEGIN CERTIFICATE-----'] });
  expect(host.requests).toHaveLength(1);
  expect(await (config.password as () => Promise<string>)()).toBe('a-token');
  expect(host.requests.at(-1)).toEqual({ method: 'token', params: { user: 'pt_shop_readonly' } });
  await close();
});

test.each(['shop_admin', 'pt_shop_app', 'toString', ''])(
  'the role %j is refused with those that exist',
  async (role) => {
    host = await fakeHost(acquired);
    const { database, close } = await openTestDatabase(provided(host.controlSocket), '1');
    expect(() => database.as(role)).toThrow(
      expect.objectContaining({
        name: 'PosternVitestError',
        code: 'VITEST_ROLE_UNKNOWN',
        kind: 'invalid',
        message: expect.stringContaining('declares shop_app, shop_readonly.'),
      }),
    );
    await close();
  },
);

test('a service without roles is told so', async () => {
  host = await fakeHost({ acquire: { result: { name: 'pt_0123abcd_r1_1', roles: {} } } });
  const { database, close } = await openTestDatabase(provided(host.controlSocket), '1');
  expect(() => database.as('shop_app')).toThrow('database/database.ts declares no roles.');
  await close();
});

test('without the global setup the fixture names the line that is missing', async () => {
  await expect(openTestDatabase(undefined, '1')).rejects.toMatchObject({
    code: 'VITEST_SETUP_MISSING',
    hint: expect.stringContaining("globalSetup: ['@postern/vitest/global-setup']"),
  });
});

test('a database that cannot be had leaves no connection to the host behind', async () => {
  const error = { name: 'ConnectError', message: 'Run r1 has been released.', code: 'CONNECT_RUN_UNKNOWN' };
  host = await fakeHost({ acquire: { error } });
  await expect(openTestDatabase(provided(host.controlSocket), '1')).rejects.toMatchObject({
    code: 'CONNECT_RUN_UNKNOWN',
  });
  await vi.waitFor(() => expect(host?.connections()).toBe(0), 20_000);
});

test('closing ends the connection to the host', async () => {
  host = await fakeHost(acquired);
  const { close } = await openTestDatabase(provided(host.controlSocket), '1');
  expect(host.connections()).toBe(1);
  await close();
  await vi.waitFor(() => expect(host?.connections()).toBe(0), 20_000);
});
