import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import { pgSocketOptions } from './pg-socket-options.ts';

const login = { user: 'pt_app', database: 'pt_1' };

it.each([
  ['a host', 'db.example.com'],
  ['an address', '127.0.0.1'],
  ['a relative path', 'data.sock'],
  ["another machine's pipe", '\\\\server\\pipe\\data'],
  ['nothing', ''],
])('does not go without TLS to %s', (_, path) => {
  expect(() => pgSocketOptions({ ...login, path })).toThrow(
    expect.objectContaining({ code: 'RDS_OPTIONS_INVALID', message: expect.stringContaining('path') }),
  );
});

it('names everything that is missing at once', () => {
  expect(() => pgSocketOptions({ path: '', user: '', database: '' })).toThrow(/path.*user.*database/);
});

it('starts the session at once, on the socket and nowhere else, whatever host one adds', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pso-'));
  const path = join(folder, 's.sock');
  const server = createServer();
  server.listen(path);
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const client = new pg.Client({ ...pgSocketOptions({ ...login, path }), host: 'db.example.com' });
  const connecting = client.connect().catch((error: unknown) => error);
  try {
    const [socket] = await accepted;
    const [first] = (await once(socket, 'data')) as [Buffer];
    expect(first.readUInt32BE(4)).toBe(0x0003_0000); // StartupMessage, not SSLRequest
    expect(first.toString('latin1')).toContain('pt_app');
    socket.destroy();
    expect(await connecting).toBeInstanceOf(Error);
  } finally {
    await client.end().catch(() => undefined);
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
