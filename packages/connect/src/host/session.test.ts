import { connect, createServer, type Server } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import type { Environment } from '../environment/environment.ts';
import { openSession } from './session.ts';

let server: Server | undefined;
afterEach(() => server?.close());

it('goes back to asking for TLS when the server does not take it directly any more', async () => {
  const seen: string[] = [];
  // As PostgreSQL 16: TLS that nobody asked about is cut off; and this one has none to offer.
  const old = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (data: Buffer) => {
      const direct = data[0] === 0x16;
      seen.push(direct ? 'TLS' : 'asked');
      socket.end(direct ? '' : 'N');
    });
  });
  server = old;
  await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
  const { port } = old.address() as { port: number };
  let directTls = true;
  const probeDirectTls = vi.fn(async () => {
    directTls = false;
    return false;
  });
  const environment: Partial<Environment> = {
    resolve: async () => ({
      endpoint: { host: 'db.example.test', port },
      region: 'eu-west-2',
      ca: ['pem'],
      directTls,
    }),
    token: async () => 'token',
    openStream: async () => connect(port, '127.0.0.1'),
    probeDirectTls,
  };
  const opening = openSession(environment as Environment, { user: 'pt_app', database: 'pt_one' });
  await expect(opening).rejects.toMatchObject({ code: 'RDS_TLS_UNSUPPORTED' });
  expect(seen).toEqual(['TLS', 'asked']);
  expect(probeDirectTls).toHaveBeenCalledOnce();
});
